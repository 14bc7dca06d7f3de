/** Figures as people read them. */

/** `850 µs`, `1.2 ms`, `3.4 s`. @internal */
export const time = (micros: number): string =>
  micros < 999.5
    ? `${micros < 9.95 ? digits(micros) : Math.round(micros)} µs`
    : micros < 999_500
    ? `${digits(micros / 1000)} ms`
    : `${digits(micros / 1e6)} s`

/** A number with one digit after the point where it is small. @internal */
export const digits = (value: number): string =>
  value < 99.95 ? String(Math.round(value * 10) / 10) : count(Math.round(value))

/** A whole number with commas. @internal */
export const count = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",")

/** `1 request`, `2 requests`. @internal */
export const counted = (value: number, noun: string): string =>
  `${count(value)} ${value === 1 ? noun : noun.endsWith("ch") ? `${noun}es` : `${noun}s`}`

/** Of a part from 0 to 1. @internal */
export const percent = (part: number): string =>
  part > 0 && part < 0.01 ? "under 1 %" : `${part < 1 ? Math.min(99, Math.round(part * 100)) : 100} %`

/** `4`, `4 and 8`, `2, 4 and 8`. @internal */
export const list = (items: ReadonlyArray<number | string>, word = "and"): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} ${word} ${items.at(-1)}`
