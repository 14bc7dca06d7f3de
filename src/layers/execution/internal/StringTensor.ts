/**
 * BYTES tensors on their way through the binding: length-prefixed bytes in, JavaScript strings inside, and back.
 *
 * The binding passes C strings: text behind a NUL byte would be cut off, and bytes that are no UTF-8 would change. Such
 * elements are refused here, before the run. Loaded by the worker.
 */
import { Buffer, isUtf8 } from "node:buffer"
import type { NativeTensor } from "./OrtSession.ts"

/** A BYTES element that cannot be given to the runtime unchanged. The message names tensor and element. */
export class InvalidElement extends Error {}

const refuse = (name: string, index: number, why: string): never => {
  throw new InvalidElement(`element ${index} of BYTES input '${name}' ${why}`)
}

/** The elements of a tensor of `count` elements. Throws `InvalidElement`. */
export const decode = (name: string, data: Uint8Array, count: number): Array<string> => {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const elements = new Array<string>(count)
  let offset = 0
  for (let i = 0; i < count; i++) {
    if (offset + 4 > bytes.length) {
      return refuse(name, i, `is missing: the tensor has ${count} elements and its bytes end after ${i}`)
    }
    const start = offset + 4
    const end = start + bytes.readUInt32LE(offset)
    if (end > bytes.length) {
      return refuse(name, i, `announces ${end - start} bytes and ${bytes.length - start} are left`)
    }
    const text = bytes.toString("utf8", start, end)
    if (text.includes("\0")) return refuse(name, i, "contains a NUL byte; the runtime's strings end at NUL: remove it")
    // The decoder puts U+FFFD for what it cannot read, but U+FFFD may also stand in the text itself.
    if (text.includes("\uFFFD") && !isUtf8(bytes.subarray(start, end))) {
      return refuse(name, i, "is not valid UTF-8; the runtime's strings are UTF-8: encode other bytes as text")
    }
    elements[i] = text
    offset = end
  }
  if (offset !== bytes.length) {
    throw new InvalidElement(`BYTES input '${name}' has ${bytes.length - offset} bytes after its ${count} elements`)
  }
  return elements
}

/** Length-prefixed bytes as the tensor that the native runtime reads. Throws `InvalidElement`. @category constructors */
export const tensor = (name: string, data: Uint8Array, dims: ReadonlyArray<number>): NativeTensor => {
  const count = dims.reduce((product, dim) => product * dim, 1)
  return { type: "string", data: decode(name, data, count), dims, location: "cpu" }
}

/** The length-prefixed bytes of elements. */
export const encode = (elements: ReadonlyArray<string>): Uint8Array<ArrayBuffer> => {
  let length = 0
  for (const element of elements) length += 4 + Buffer.byteLength(element)
  const bytes = Buffer.from(new ArrayBuffer(length))
  let offset = 0
  for (const element of elements) {
    const written = bytes.write(element, offset + 4)
    bytes.writeUInt32LE(written, offset)
    offset += 4 + written
  }
  return bytes
}
