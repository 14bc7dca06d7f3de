import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import {
  type DecodedRequest,
  type Encoding,
  OutputEncoding,
  uniform
} from "../../../src/layers/frontend/internal/infer/DecodedRequest.ts"
import { encode } from "../../../src/layers/frontend/internal/infer/InferResponseEncoder.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import { codes } from "../../../src/schema/Errors.ts"
import type { InferenceResponse, Tensor } from "../../../src/schema/Inference.ts"

const response = (outputs: ReadonlyArray<Tensor>, changes: Partial<InferenceResponse> = {}): InferenceResponse => ({
  id: "",
  modelName: "m",
  modelVersion: "1",
  parameters: new Map(),
  outputs,
  timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
  release: () => {},
  ...changes
})

const tensor = (
  name: string,
  datatype: DataType,
  shape: ReadonlyArray<number>,
  data: ArrayBufferView | ReadonlyArray<number>
): Tensor => ({
  name,
  datatype,
  shape,
  data: ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : Uint8Array.from(data)
})

const decoded = (outputEncoding: OutputEncoding | Encoding): DecodedRequest => ({
  request: {
    id: "",
    inputs: [],
    outputs: [],
    parameters: new Map(),
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0,
    sequence: undefined
  },
  outputEncoding: typeof outputEncoding === "string" ? uniform(outputEncoding) : outputEncoding,
  clientTensors: undefined
})

const written = (answer: InferenceResponse, encoding: OutputEncoding | Encoding) => {
  const { body, byteLength, contentType, inferenceHeaderContentLength } = Result.getOrThrow(
    encode(answer, decoded(encoding))
  )
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : Buffer.concat(body)
  assert.strictEqual(bytes.length, byteLength)
  return { bytes, contentType, inferenceHeaderContentLength, body }
}

const data = (output: Tensor): string => {
  const { bytes } = written(response([output]), "json")
  const text = bytes.toString("latin1")
  return text.slice(text.indexOf("\"data\":") + 7, -3)
}

const strings = (...values: ReadonlyArray<string | Uint8Array>): Uint8Array =>
  Buffer.concat(values.flatMap((value) => {
    const bytes = Buffer.from(value as string)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes.length)
    return [length, bytes]
  }))

const refuse = (output: Tensor): readonly [number, string] => {
  const result = encode(response([output]), decoded("json"))
  return Result.isFailure(result) ? [codes[result.failure.code].http, result.failure.message] : assert.fail("accepted")
}

describe("InferResponseEncoder", () => {
  it("writes the worked example of the protocol", () => {
    const head =
      "{\"id\":\"r1\",\"model_name\":\"m\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"Y\",\"datatype\":\"FP32\"," +
      "\"shape\":[1,2],\"parameters\":{\"binary_data_size\":8}}]}"
    const answer = response([tensor("Y", "FP32", [1, 2], Float32Array.of(0.5, -1))], { id: "r1" })
    const { bytes, contentType, inferenceHeaderContentLength } = written(
      answer,
      new OutputEncoding(["Y"], ["binary"], "json")
    )
    assert.strictEqual(bytes.toString("hex"), Buffer.from(head).toString("hex") + "0000003f000080bf")
    assert.strictEqual(bytes.length, 149)
    assert.strictEqual(inferenceHeaderContentLength, 141)
    assert.strictEqual(contentType, "application/octet-stream")
  })

  it("writes parameters of the response and mixes encodings", () => {
    const answer = response(
      [tensor("A", "INT8", [2], [1, 255]), tensor("B", "INT8", [2], [3, 4]), tensor("C", "INT8", [1, 0], [])],
      {
        parameters: new Map<string, boolean | number | bigint | string>([
          ["b", true],
          ["i", -5],
          ["l", 9223372036854775807n],
          ["d", 0.5],
          ["s", "\""]
        ])
      }
    )
    const { bytes, inferenceHeaderContentLength } = written(
      answer,
      new OutputEncoding(["A", "B"], ["json", "binary"], "binary")
    )
    const head =
      "{\"model_name\":\"m\",\"model_version\":\"1\",\"parameters\":{\"b\":true,\"i\":-5,\"l\":9223372036854775807,\"d\":0.5,\"s\":\"\\\"\"}," +
      "\"outputs\":[{\"name\":\"A\",\"datatype\":\"INT8\",\"shape\":[2],\"data\":[1,-1]}," +
      "{\"name\":\"B\",\"datatype\":\"INT8\",\"shape\":[2],\"parameters\":{\"binary_data_size\":2}}," +
      "{\"name\":\"C\",\"datatype\":\"INT8\",\"shape\":[1,0],\"parameters\":{\"binary_data_size\":0}}]}"
    assert.strictEqual(bytes.toString(), `${head}\u0003\u0004`)
    assert.strictEqual(inferenceHeaderContentLength, head.length)
  })

  it("is plain JSON where every binary output is empty", () => {
    const { bytes, contentType, inferenceHeaderContentLength } = written(
      response([tensor("C", "FP32", [0], [])]),
      "binary"
    )
    assert.strictEqual(contentType, "application/json")
    assert.isUndefined(inferenceHeaderContentLength)
    assert.match(bytes.toString(), /"binary_data_size":0/)
    assert.strictEqual(data(tensor("C", "FP32", [0], [])), "[]")
  })

  it("joins small answers and lends large tensors", () => {
    assert.isString(written(response([tensor("A", "INT8", [1], [1])]), "binary").body)
    assert.lengthOf(written(response([tensor("A", "INT8", [10_000], new Uint8Array(10_000))]), "binary").body, 1)
    const large = new Uint8Array(100000)
    const { body } = written(response([tensor("A", "INT8", [100000], large)]), "binary")
    assert.lengthOf(body, 2)
    assert.strictEqual((body[1] as Uint8Array).buffer, large.buffer)
  })

  it("does not touch an answer when it writes the next", () => {
    const first = written(response([tensor("A", "INT8", [5000], new Uint8Array(5000))]), "json").body[0] as Uint8Array
    const before = Buffer.from(first).toString()
    written(response([tensor("BBBBBBBBB", "INT8", [1], [7])]), "json")
    assert.strictEqual(Buffer.from(first).toString(), before)
    for (const size of [30000, 32700, 32767, 32768, 40000, 200000]) {
      const zeros = tensor("A", "INT8", [size], new Uint8Array(size))
      const text = data(zeros)
      written(response([tensor("B", "INT8", [1], [7])]), "json")
      assert.strictEqual(text, `[${Array.from({ length: size }, () => 0).join()}]`)
    }
  })

  it("writes each datatype", () => {
    assert.strictEqual(data(tensor("A", "BOOL", [3], [0, 1, 7])), "[false,true,true]")
    assert.strictEqual(data(tensor("A", "UINT8", [2], [0, 255])), "[0,255]")
    assert.strictEqual(data(tensor("A", "INT8", [2], [128, 127])), "[-128,127]")
    assert.strictEqual(data(tensor("A", "UINT16", [2], Uint16Array.of(65535, 10))), "[65535,10]")
    assert.strictEqual(data(tensor("A", "INT16", [2], Int16Array.of(-32768, 32767))), "[-32768,32767]")
    assert.strictEqual(data(tensor("A", "UINT32", [1], Uint32Array.of(4294967295))), "[4294967295]")
    assert.strictEqual(
      data(tensor("A", "INT32", [2], Int32Array.of(-2147483648, 2147483647))),
      "[-2147483648,2147483647]"
    )
    assert.strictEqual(
      data(tensor("A", "UINT64", [2], BigUint64Array.of(18446744073709551615n, 0n))),
      "[18446744073709551615,0]"
    )
    assert.strictEqual(
      data(
        tensor(
          "A",
          "INT64",
          [5],
          BigInt64Array.of(-9223372036854775808n, 9223372036854775807n, -1n, -4294967296n, 9007199254740993n)
        )
      ),
      "[-9223372036854775808,9223372036854775807,-1,-4294967296,9007199254740993]"
    )
    assert.strictEqual(
      data(
        tensor("A", "FP32", [8], Float32Array.of(0.1, 1, -0, NaN, Infinity, -Infinity, 1e-7, 3.4028234663852886e38))
      ),
      "[0.10000000149011612,1.0,-0.0,NaN,Infinity,-Infinity,1.0000000116860974e-7,3.4028234663852886e38]"
    )
    assert.strictEqual(
      data(
        tensor(
          "A",
          "FP64",
          [9],
          Float64Array.of(1e20, 1e21, 1.5e-7, 0.000001, 123456789, 0, -2.5, 5e-324, 1.7976931348623157e308)
        )
      ),
      "[100000000000000000000.0,1e21,1.5e-7,0.000001,123456789.0,0.0,-2.5,5e-324,1.7976931348623157e308]"
    )
  })

  it("writes every integer and double as the recipe does", () => {
    const recipe = (v: number) => {
      if (!Number.isFinite(v)) return String(v)
      const s = String(v)
      return Object.is(v, -0) ? "-0.0" : /^-?\d+$/.test(s) ? `${s}.0` : s.replace("e+", "e")
    }
    fc.assert(
      fc.property(fc.array(fc.double(), { maxLength: 50 }), (values) => {
        assert.strictEqual(
          data(tensor("A", "FP64", [values.length], Float64Array.from(values))),
          `[${values.map(recipe).join()}]`
        )
      }),
      { numRuns: 500 }
    )
    fc.assert(
      fc.property(fc.array(fc.float(), { maxLength: 50 }), (values) => {
        assert.strictEqual(
          data(tensor("A", "FP32", [values.length], Float32Array.from(values))),
          `[${values.map(recipe).join()}]`
        )
      }),
      { numRuns: 500 }
    )
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 50 }),
        fc.nat(63),
        (values, bits) => {
          const small = values.map((value) => BigInt.asIntN(bits + 1, value))
          assert.strictEqual(data(tensor("A", "INT64", [small.length], BigInt64Array.from(small))), `[${small.join()}]`)
        }
      ),
      { numRuns: 500 }
    )
  })

  it("writes integral doubles, tenths and powers of ten as the recipe does", () => {
    const recipe = (v: number) => (/^-?\d+$/.test(String(v)) ? `${v}.0` : String(v).replace("e+", "e"))
    const values: Array<number> = []
    for (let e = -30; e <= 30; e++) {
      for (const m of [1, 1.5, 9.999999, 1 / 3, 2 / 3, 123456.789]) {
        values.push(Number(`${m}e${e}`), -Number(`${m}e${e}`))
      }
    }
    for (let i = 0; i < 3000; i++) {
      values.push(i / 255, i / 10, i * 1000003, Math.fround(i / 255), 2 ** ((i % 120) - 60))
    }
    assert.deepStrictEqual(
      data(tensor("A", "FP64", [values.length], Float64Array.from(values))).slice(1, -1).split(","),
      values.map((v) => v === 0 ? "0.0" : recipe(v))
    )
    const singles = values.map(Math.fround)
    assert.deepStrictEqual(
      data(tensor("A", "FP32", [values.length], Float32Array.from(singles))).slice(1, -1).split(","),
      singles.map((v) => v === 0 ? "0.0" : recipe(v))
    )
  })

  it("writes long tensors of fractions, with and without other numbers between them", () => {
    for (const length of [255, 256, 257, 511, 512, 513, 3000]) {
      for (const step of [1, 300]) {
        const values = Float64Array.from(
          { length },
          (_, i) => i % step === 7 ? i : (i + 0.5) * 10 ** ((i % 50) - 25) / 3
        )
        const expected = Array.from(
          values,
          (v) => Number.isInteger(v) && v < 1e21 ? `${v}.0` : String(v).replace("e+", "e")
        )
        assert.strictEqual(data(tensor("A", "FP64", [length], values)), `[${expected.join()}]`)
      }
    }
  })

  it("escapes what JSON needs and copies all other bytes", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const text = data(tensor("S", "BYTES", [2], strings(all, "")))
    const control = Array.from(
      { length: 32 },
      (_, c) =>
        ({ 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r" } as Record<number, string>)[c] ??
          `\\u00${c.toString(16).toUpperCase().padStart(2, "0")}`
    ).join("")
    let rest = ""
    for (let c = 32; c < 256; c++) rest += c === 34 ? "\\\"" : c === 92 ? "\\\\" : String.fromCharCode(c)
    assert.strictEqual(text, `["${control}${rest}",""]`)
    const { bytes } = written(response([], { id: "é\"\u0001" }), "json")
    assert.strictEqual(
      bytes.toString(),
      "{\"id\":\"é\\\"\\u0001\",\"model_name\":\"m\",\"model_version\":\"1\",\"outputs\":[]}"
    )
    const long = new Uint8Array(100000).fill(1)
    assert.strictEqual(data(tensor("S", "BYTES", [1], strings(long))), `["${"\\u0001".repeat(100000)}"]`)
  })

  it("refuses what has no JSON form or does not fit its shape", () => {
    for (const datatype of ["FP16", "BF16"] as const) {
      assert.deepStrictEqual(refuse(tensor("Y", datatype, [1], [0, 0])), [
        400,
        `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`
      ])
    }
    assert.deepStrictEqual(refuse(tensor("Y", "INT32", [2], [0, 0, 0, 0])), [
      500,
      "Failed to write 'data' field: output tensor shape does not match size of output for 'Y'"
    ])
    for (
      const [count, bytes] of [[1, strings("a", "b")], [3, strings("a", "b")], [
        1,
        Uint8Array.of(9, 0, 0, 0, 1)
      ]] as const
    ) {
      assert.deepStrictEqual(refuse(tensor("Y", "BYTES", [count], bytes)), [
        500,
        "output tensor shape does not match size of output for 'Y'"
      ])
    }
  })
})
