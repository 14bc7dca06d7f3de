/** The header that says where the JSON of a body ends. Source: protocol §4.2. */

/** @internal */
export const headerName = "inference-header-content-length"

const min = -2147483648
const max = 2147483647

/** The value of the header, or the text of what is wrong with it. @internal */
export const parse = (text: string): number | string => {
  if (!/^[+-]?\d+$/.test(text)) return `Unable to parse Inference-Header-Content-Length, got: ${shown(text)}`
  const value = Number(text)
  return value < min || value > max
    ? `Unable to parse Inference-Header-Content-Length, value is out of range [ ${min}, ${max} ], got: ${shown(text)}`
    : value
}

/** The text for a value that does not fit a body of `length` bytes, `undefined` when it fits. @internal */
export const misfit = (value: number, length: number): string | undefined =>
  value < 0 || value > length ? `inference header size should be in range (0, ${length}), got: ${value}` : undefined

const shown = (text: string): string => text.length > 64 ? `${text.slice(0, 64)}…` : text
