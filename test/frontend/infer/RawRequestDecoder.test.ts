import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { decodeRaw } from "../../../src/layers/frontend/internal/infer/RawRequestDecoder.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import type { ModelSignature, SignatureTensor } from "../../../src/schema/ModelSignature.ts"

const options = { modelName: "m", maxInputSize: 1000 }

const signature = (
  maxBatchSize: number,
  ...inputs: ReadonlyArray<readonly [DataType, ReadonlyArray<number>]>
): ModelSignature => {
  const tensors = inputs.map(([datatype, dims], i): SignatureTensor => ({
    name: `IN${i}`,
    datatype,
    dims,
    batchAxis: maxBatchSize > 0 ? 0 : -1,
    shape: maxBatchSize > 0 ? [-1, ...dims] : dims,
    modelShape: dims,
    reshaped: false,
    optional: false,
    labels: undefined
  }))
  return {
    maxBatchSize,
    inputs: tensors,
    outputs: [],
    inputByName: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    outputByName: new Map(),
    requiredInputs: tensors.length,
    outputNames: []
  }
}

const refuse = (body: Uint8Array, model: ModelSignature): string => {
  const result = decodeRaw(body, model, options)
  return Result.isFailure(result) ? result.failure.message : assert.fail("accepted")
}

const id = "[request id: <id_unknown>] "

describe("RawRequestDecoder", () => {
  it("deduces the shape, with a batch of one where the model batches", () => {
    const shapes: ReadonlyArray<readonly [number, ReadonlyArray<number>, ReadonlyArray<number>]> = [
      [0, [3, 2], [3, 2]],
      [8, [3, 2], [1, 3, 2]],
      [8, [-1], [1, 6]],
      [0, [-1, 3], [2, 3]],
      [0, [2, -1], [2, 3]]
    ]
    for (const [maxBatchSize, dims, shape] of shapes) {
      const body = new Uint8Array(24)
      const { outputEncoding, request } = Result.getOrThrow(
        decodeRaw(body, signature(maxBatchSize, ["FP32", dims]), options)
      )
      assert.deepStrictEqual(request.inputs, [{ name: "IN0", datatype: "FP32", shape, data: body }])
      assert.strictEqual(request.inputs[0]?.data, body)
      assert.strictEqual(outputEncoding.of("any"), "binary")
    }
  })

  it("puts the length before a string", () => {
    const { request } = Result.getOrThrow(decodeRaw(Buffer.from("abc"), signature(4, ["BYTES", [1]]), options))
    assert.deepStrictEqual(request.inputs[0]?.shape, [1, 1])
    assert.deepStrictEqual(Array.from(request.inputs[0]!.data), [3, 0, 0, 0, 0x61, 0x62, 0x63])
  })

  it("refuses what cannot be deduced", () => {
    assert.strictEqual(
      refuse(new Uint8Array(4), signature(0, ["FP32", [1]], ["FP32", [1]])),
      `${id}Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model configuration`
    )
    assert.strictEqual(
      refuse(new Uint8Array(4), signature(0)),
      `${id}Raw request must only have 1 input (found 1) to be deduced but got 0 inputs in 'm' model configuration`
    )
    assert.strictEqual(
      refuse(new Uint8Array(4), signature(0, ["FP32", [-1, -1]])),
      `${id}The shape of the raw input 'raw_input' can not be deduced because there are more than one variable-sized dimension`
    )
    assert.strictEqual(
      refuse(new Uint8Array(4), signature(0, ["BYTES", [-1]])),
      `${id}For BYTE datatype raw input 'raw_input', the model must have input shape [1]`
    )
  })

  it("refuses a size that does not fit", () => {
    const mismatch = `${id}input byte size mismatch for input 'raw_input' for model 'm'. Expected `
    assert.strictEqual(refuse(new Uint8Array(3), signature(0, ["FP32", [-1]])), `${mismatch}0, got 3`)
    assert.strictEqual(refuse(new Uint8Array(7), signature(0, ["FP32", [-1]])), `${mismatch}4, got 7`)
    assert.strictEqual(refuse(new Uint8Array(0), signature(0, ["FP32", [4]])), `${mismatch}16, got 0`)
    assert.strictEqual(refuse(new Uint8Array(4), signature(0, ["FP32", [-1, 0]])), `${mismatch}0, got 4`)
    assert.strictEqual(
      refuse(new Uint8Array(1001), signature(0, ["INT8", [-1]])),
      "Raw input has a byte_size (1001 bytes) that exceeds the maximum allowed value of 1000 bytes. Use --http-max-input-size to increase the limit."
    )
  })
})
