/** Elements of BYTES tensors: each a 4-byte little-endian length and that many bytes. */

/** The length that stands at a position. @category getters */
export const lengthAt = (data: Uint8Array, position: number): number =>
  (data[position]! | data[position + 1]! << 8 | data[position + 2]! << 16 | data[position + 3]! << 24) >>> 0

/** The position behind `count` elements from a position on; the tensor must hold as many. @category getters */
export const skip = (data: Uint8Array, position: number, count: number): number => {
  let at = position
  for (let i = 0; i < count; i++) at += 4 + lengthAt(data, at)
  return at
}

/** Elements from a position to the end of the tensor. @category getters */
export const count = (data: Uint8Array, position = 0): number => {
  let elements = 0
  for (let at = position; at + 4 <= data.byteLength; at += 4 + lengthAt(data, at)) elements++
  return elements
}

/** Elements of a whole tensor; `undefined` where its bytes end within one. @category getters */
export const countWhole = (data: Uint8Array): number | undefined => {
  let elements = 0
  let at = 0
  for (; at + 4 <= data.byteLength; elements++) at += 4 + lengthAt(data, at)
  return at === data.byteLength ? elements : undefined
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The tensor of these elements: texts as UTF-8, bytes as they are. @category constructors */
export const encode = (elements: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  const parts = elements.map((element) => typeof element === "string" ? encoder.encode(element) : element)
  const data = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.byteLength, 0))
  const view = new DataView(data.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.byteLength, true)
    data.set(part, at + 4)
    at += 4 + part.byteLength
  }
  return data
}

/** The elements of a whole tensor as texts. Throws a `TypeError` for bytes that are not UTF-8. @category getters */
export const texts = (data: Uint8Array): ReadonlyArray<string> => {
  const elements: Array<string> = []
  for (let at = 0; at + 4 <= data.byteLength;) {
    const start = at + 4
    at = start + lengthAt(data, at)
    // Decoders refuse shared memory: they get a copy.
    elements.push(decoder.decode(new Uint8Array(data.subarray(start, at))))
  }
  return elements
}
