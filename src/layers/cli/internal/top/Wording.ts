/** Numbers as a person reads them, in few characters. What is not known is `-`. */

const nothing = "-"

const trimmed = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** Of something a second. @internal */
export const rate = (value: number | undefined): string =>
  value === undefined
    ? nothing
    : value === 0
    ? "0"
    : value < 0.01
    ? "<0.01"
    : value >= 999_500
    ? `${trimmed(value / 1e6)}M`
    : value >= 9995
    ? `${trimmed(value / 1000)}k`
    : trimmed(value)

/** @internal */
export const seconds = (value: number | undefined): string =>
  value === undefined
    ? nothing
    : value === 0
    ? "0"
    : value < 0.9995e-3
    ? `${trimmed(value * 1e6)}µs`
    : value < 0.9995
    ? `${trimmed(value * 1e3)}ms`
    : value < 99.95
    ? `${trimmed(value)}s`
    : value < 5940
    ? `${Math.round(value / 60)}min`
    : `${trimmed(value / 3600)}h`

/** @internal */
export const count = (value: number | undefined): string =>
  value === undefined ? nothing : value < 100_000 ? String(value) : rate(value)

/** @internal */
export const average = (value: number | undefined): string =>
  value === undefined ? nothing : value >= 100 ? value.toFixed(0) : value.toFixed(1)

/** Of a share from 0 to 1. @internal */
export const percent = (value: number | undefined): string =>
  value === undefined ? nothing : `${Math.round(value * 100)}%`

/** @internal */
export const bytes = (value: number | undefined): string =>
  value === undefined
    ? nothing
    : value >= 2 ** 30
    ? `${trimmed(value / 2 ** 30)} GiB`
    : `${trimmed(value / 2 ** 20)} MiB`

/** `1 of 4`, in two numbers. @internal */
export const ofTotal = (value: number | undefined, total: number | undefined): string =>
  value === undefined ? nothing : total === undefined ? String(value) : `${value}/${total}`
