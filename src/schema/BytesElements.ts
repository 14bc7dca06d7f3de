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
