import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Writer from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferResponseWriter.ts"
import { table } from "../../../src/schema/DataType.ts"
import type { InferenceResponse, Parameter, Tensor } from "../../../src/schema/Inference.ts"
import * as Messages from "./Messages.ts"

const timing = { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 }

const response = (
  outputs: ReadonlyArray<Tensor>,
  more: Partial<InferenceResponse> = {}
): InferenceResponse => ({
  id: "",
  modelName: "m",
  modelVersion: "1",
  parameters: new Map(),
  outputs,
  timing,
  release: () => {},
  ...more
})

const read = (written: InferenceResponse) => Messages.response(Messages.joined(Writer.unary(written)))

describe("A ModelInferResponse", () => {
  const tensor = fc.record({
    name: fc.string({ unit: "binary", maxLength: 200 }),
    datatype: fc.constantFrom(...table.map(({ name }) => name)),
    shape: fc.array(fc.maxSafeInteger(), { maxLength: 6 }),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 16380, max: 16390 }).map((length) => new Uint8Array(length).fill(7))
    )
  })

  it("is what the generic codec reads", () => {
    fc.assert(fc.property(
      fc.array(tensor, { maxLength: 6 }),
      fc.string({ unit: "binary" }),
      fc.string(),
      (outputs, id, modelName) => {
        const message = read(response(outputs, { id, modelName }))
        assert.deepStrictEqual([message.id, message.model_name, message.model_version], [id, modelName, "1"])
        assert.deepStrictEqual(
          message.outputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
          outputs.map(({ datatype, name, shape }) => ({ name, datatype, shape }))
        )
        assert.deepStrictEqual(
          message.raw_output_contents.map((data) => Buffer.from(data)),
          outputs.map(({ data }) => Buffer.from(data))
        )
        for (const output of message.outputs) {
          assert.deepStrictEqual([output.parameters, output.contents], [{}, undefined])
        }
      }
    ))
  })

  it("carries parameters of every kind", () => {
    const parameters = new Map<string, Parameter>([
      ["b", true],
      ["s", "é"],
      ["i", -5],
      ["l", -(2n ** 62n)],
      ["u", 2n ** 63n],
      ["d", 0.5],
      ["n", Number.NaN]
    ])
    const message = read(response([], { parameters }))
    const given = Object.entries(message.parameters).map(([key, value]) => [
      key,
      Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
    ])
    assert.deepStrictEqual(Object.fromEntries(given), {
      b: { bool_param: true },
      s: { string_param: "é" },
      i: { int64_param: -5n },
      l: { int64_param: -(2n ** 62n) },
      u: { uint64_param: 2n ** 63n },
      d: { double_param: 0.5 },
      n: { double_param: Number.NaN }
    })
  })

  it("has a raw entry for an output without elements", () => {
    const empty = { name: "O", datatype: "FP32", shape: [0], data: new Uint8Array(0) } as const
    const full = { ...empty, name: "P", shape: [1], data: new Uint8Array(4) }
    assert.deepStrictEqual(read(response([empty, full, empty])).raw_output_contents.map(({ length }) => length), [
      0,
      4,
      0
    ])
  })

  it("copies small tensors and lends large ones", () => {
    const small = { name: "S", datatype: "UINT8", shape: [1], data: new Uint8Array(16384) } as const
    const large = { ...small, name: "L", data: new Uint8Array(16385) }
    assert.isFalse(Writer.borrows(response([small])))
    assert.isTrue(Writer.borrows(response([small, large])))
    assert.isFalse(Writer.unary(response([small])).parts.some(({ buffer }) => buffer === small.data.buffer))
    const { byteLength, parts } = Writer.unary(response([small, large, small]))
    assert.isTrue(parts.includes(large.data))
    assert.isFalse(parts.some(({ buffer }) => buffer === small.data.buffer))
    assert.strictEqual(parts.reduce((sum, part) => sum + part.length, 0), byteLength)
  })
})

describe("A ModelStreamInferResponse", () => {
  const streamed = (parts: Parameters<typeof Messages.joined>[0]) => Messages.streamResponse(Messages.joined(parts))
  const request = { id: "7", modelName: "asked", modelVersion: "" }

  it("tells whether it is the last one of its request", () => {
    const output = { name: "O", datatype: "UINT8", shape: [20000], data: new Uint8Array(20000).fill(3) } as const
    for (const final of [true, false]) {
      const { error_message, infer_response } = streamed(Writer.streamed(response([output], { id: "7" }), final))
      assert.strictEqual(error_message, "")
      assert.strictEqual(infer_response?.id, "7")
      assert.strictEqual(infer_response?.parameters["triton_final_response"]?.bool_param, final)
      assert.deepStrictEqual(Buffer.from(infer_response!.raw_output_contents[0]!), Buffer.from(output.data))
    }
  })

  it("names a request that was not issued by its id alone", () => {
    const { error_message, infer_response } = streamed(Writer.streamedFailure("bad", request, false))
    assert.strictEqual(error_message, "bad")
    assert.deepStrictEqual(
      [infer_response?.id, infer_response?.model_name, infer_response?.parameters],
      ["7", "", {}]
    )
  })

  it("names a request that failed later by its model too, as it was asked for", () => {
    const { error_message, infer_response } = streamed(Writer.streamedFailure("", request, true))
    assert.strictEqual(error_message, "")
    assert.deepStrictEqual(
      [infer_response?.id, infer_response?.model_name, infer_response?.model_version],
      ["7", "asked", ""]
    )
    assert.strictEqual(infer_response?.parameters["triton_final_response"]?.bool_param, true)
  })
})
