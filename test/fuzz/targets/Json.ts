/** JSON documents and tensors in JSON, read beside what JavaScript reads. */
import { Result } from "effect"
import { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { parseDocument } from "../../../src/layers/frontend/internal/json/JsonDocument.ts"
import { same, type Target, utf8 } from "../Target.ts"

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What JavaScript reads; `undefined`: it does not. */
const parsed = (input: Uint8Array): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(strict.decode(input)) }
  } catch {
    return undefined
  }
}

/** A document that is read is one to JavaScript as well; some that it reads are refused, for their depth for example. */
export const document: Target = {
  name: "json-document",
  seeds: () =>
    ["{}", "[1,-2.5e3,true,null,\"\\u00e9\\n\"]", "{\"a\":{\"b\":[[],{}]},\"a\":\"𝄞\"}", " \t\"x\"\n"].map(utf8),
  run: (input) => {
    const read = parseDocument(input)
    // Numbers that are none are read as Triton reads them.
    if (Result.isSuccess(read) && parsed(input) === undefined && !/NaN|Inf/.test(new TextDecoder().decode(input))) {
      throw new Error("a document was read that is no JSON")
    }
  }
}

/** An input of doubles has the very bits that JavaScript gives. */
export const tensor: Target = {
  name: "json-tensor",
  seeds: () =>
    ["[1,2,3]", "[[0.1,1e308],[4.9e-324,-0.0]]", "[123456789012345678901234567890, 1E+5]", "[1.7976931348623157e308]"]
      .map(utf8),
  run: (input) => {
    const known = parsed(input)
    const values = known !== undefined && Array.isArray(known.value) ? known.value.flat(Infinity) : []
    const count = Math.max(1, values.length)
    const head = utf8(`{"inputs":[{"name":"X","datatype":"FP64","shape":[${count}],"data":`)
    const body = new Uint8Array([...head, ...input, ...utf8("}]}")])
    const read = decode(body, undefined, { modelName: "m", maxInputSize: 1 << 20 })
    if (Result.isFailure(read)) return
    const data = read.success.request.inputs[0]?.data
    if (data === undefined || known === undefined || values.some((value) => typeof value !== "number")) return
    same([...new Float64Array(data.slice().buffer)].map(bits), values.map((value) => bits(Number(value))), "doubles")
  }
}

const bits = (value: number): string => new BigUint64Array(Float64Array.of(value).buffer)[0]!.toString(16)
