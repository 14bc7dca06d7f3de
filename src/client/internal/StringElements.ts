/** Elements of BYTES tensors: each a 4-byte little-endian length and that many bytes. Source: protocol §1.3. */
import * as BytesElements from "../../schema/BytesElements.ts"

const maxLength = 0xffffffff

/** Strings become their UTF-8. @internal */
export const encode = (
  values: ReadonlyArray<unknown>,
  fail: (problem: string) => Error
): Uint8Array => {
  const encoder = new TextEncoder()
  const elements: Array<Uint8Array> = []
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const element = typeof value === "string" ? encoder.encode(value) : value
    if (!ArrayBuffer.isView(element)) throw fail(`is BYTES but element ${i} is of type ${typeof value}`)
    if (element.byteLength > maxLength) throw fail(`has an element ${i} of more than ${maxLength} bytes`)
    elements.push(new Uint8Array(element.buffer, element.byteOffset, element.byteLength))
  }
  return BytesElements.encode(elements)
}

/** Copies of the elements: decoded as UTF-8, which they must then be, or as they are. @internal */
export const decode = (
  bytes: Uint8Array,
  count: number,
  strings: boolean,
  fail: (problem: string) => Error
): ReadonlyArray<string> | ReadonlyArray<Uint8Array> => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  const texts: Array<string> = []
  const elements: Array<Uint8Array> = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const end = at + 4 + (at + 4 <= bytes.byteLength ? BytesElements.lengthAt(bytes, at) : 0)
    if (end > bytes.byteLength || at + 4 > bytes.byteLength) {
      throw fail(`ends inside element ${i} of the ${count} that its shape needs`)
    }
    if (strings) texts.push(text(decoder, bytes.subarray(at + 4, end), i, fail))
    else elements.push(new Uint8Array(bytes.subarray(at + 4, end)))
    at = end
  }
  if (at !== bytes.byteLength) {
    throw fail(`has ${bytes.byteLength - at} bytes behind the ${count} elements that its shape needs`)
  }
  return strings ? texts : elements
}

const text = (
  decoder: { readonly decode: (bytes: Uint8Array) => string },
  bytes: Uint8Array,
  index: number,
  fail: (problem: string) => Error
): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw fail(`has an element ${index} that is not UTF-8; ask with bytesAs: "Uint8Array"`)
  }
}
