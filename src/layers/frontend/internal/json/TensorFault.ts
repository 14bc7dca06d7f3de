/** Why the JSON data of a tensor does not fit its datatype and shape, in Triton's words where it has them. */
import type { DataType } from "../../../../schema/DataType.ts"
import { InvalidRequest, MalformedRequest } from "../../../../schema/Errors.ts"
import { tooDeep } from "./JsonSyntax.ts"

const data = "Unable to parse 'data': "

/** @category errors */
export const notAnArray = (): MalformedRequest =>
  new MalformedRequest({ message: `${data}attempt to access JSON non-array as array` })

/** An element of the wrong kind. @category errors */
export const wrongKind = (actual: string, wanted: string): MalformedRequest =>
  new MalformedRequest({ message: `${data}attempt to access JSON non-${actual} as ${wanted}` })

/** An element of a BYTES tensor that is not a string. @category errors */
export const notAString = (): MalformedRequest =>
  new MalformedRequest({ message: "Unable to parse JSON bytes array: attempt to access JSON non-string as string" })

/** @category errors */
export const nestedTooDeep = (): InvalidRequest => new InvalidRequest({ message: data + tooDeep().message })

/** @category errors */
export const tooMany = (): MalformedRequest =>
  new MalformedRequest({ message: `${data}Shape does not match true shape of 'data' field` })

/** @category errors */
export const tooFew = (): MalformedRequest =>
  new MalformedRequest({ message: "Failed to parse 'data' field: shape does not match true shape" })

/** What a number of each datatype may be. @category models */
export const ranges: { readonly [K in DataType]?: string } = {
  UINT8: "0 to 255",
  UINT16: "0 to 65535",
  UINT32: "0 to 4294967295",
  UINT64: "0 to 18446744073709551615",
  INT8: "-128 to 127",
  INT16: "-32768 to 32767",
  INT32: "-2147483648 to 2147483647",
  INT64: "-9223372036854775808 to 9223372036854775807",
  FP32: "-3.4028234663852886e+38 to 3.4028234663852886e+38"
}

/** A number that its datatype cannot hold; `index` is that of the element in row-major order. @category errors */
export const outOfRange = (input: string, index: number, datatype: DataType): InvalidRequest =>
  new InvalidRequest({
    message: `${data}element ${index} of input '${input}' is out of range for ${datatype}: expected ${ranges[datatype]}`
  })
