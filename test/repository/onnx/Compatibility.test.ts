import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Compatibility from "../../../src/layers/repository/internal/onnx/Compatibility.ts"
import type { ModelIo } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import { formatTable, fromInfo, merge } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import * as OnnxReader from "../../../src/layers/repository/internal/onnx/OnnxReader.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Onnx from "../../fixtures/onnx/OnnxWriter.ts"

const info = (bytes: Uint8Array) => Result.getOrThrow(OnnxReader.fromBytes("m.onnx", bytes))
const ofFile = (bytes: Uint8Array) => fromInfo(info(bytes))

const refusal = (io: ModelIo): string => {
  const result = Compatibility.check("m", io)
  if (!Result.isFailure(result)) return assert.fail("the model was accepted")
  return `${result.failure.code}: ${result.failure.message}`
}

describe("Compatibility", () => {
  it("accepts what the engine carries", () => {
    for (const name of ["BOOL", "UINT8", "UINT64", "INT64", "FP16", "FP32", "FP64", "BYTES"] as const) {
      assert.isTrue(Result.isSuccess(Compatibility.check("m", ofFile(Models.identity(name)))))
    }
    assert.isTrue(Result.isSuccess(Compatibility.check("m", ofFile(Models.optionalInput()))))
  })

  for (const name of ["INT4", "UINT4", "BF16", "FP8E4M3FN", "COMPLEX64"] as const) {
    it(`refuses ${name} inputs and outputs with the name and what can be carried`, () => {
      const typeName = ofFile(Models.identity(name)).inputs[0]!.typeName
      assert.strictEqual(
        refusal(ofFile(Models.castTo(name))),
        `UNSUPPORTED: the output 'OUTPUT0' has the datatype ${typeName}, which ONNX Runtime's JavaScript binding cannot ` +
          "carry. Put a Cast to a datatype that it can carry at that output of the model: BOOL, UINT8, UINT16, UINT32, " +
          "UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES"
      )
      assert.include(refusal(ofFile(Models.identity(name))), "the input 'INPUT0' has the datatype")
    })
  }

  it("refuses sequences, maps and optionals with Triton's text and a way out", () => {
    assert.strictEqual(
      refusal(ofFile(Models.sequenceOutput())),
      "UNSUPPORTED: Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I/O 'SEQUENCE', expected 'ONNX_TYPE_TENSOR'.\nThe output " +
        "'SEQUENCE' is a sequence value, and requests carry tensors only. Change the model to give or take tensors " +
        "(ConcatFromSequence or SequenceAt turn a sequence into a tensor)"
    )
    assert.include(refusal(ofFile(Models.mapOutput())), "'ONNX_TYPE_SEQUENCE' for I/O 'SCORES'")
    assert.include(refusal(ofFile(Models.optionalOutput())), "'ONNX_TYPE_OPTIONAL' for I/O 'OPTIONAL'")
  })

  it("refuses what only the runtime knows: types that the file leaves out", () => {
    const file = info(Models.castTo("INT4"))
    const silent = {
      ...file,
      outputs: file.outputs.map((output) => ({ ...output, kind: "unknown" as const, elemType: 0, datatype: undefined }))
    }
    assert.isTrue(Result.isSuccess(Compatibility.check("m", fromInfo(silent))))
    const session = (isTensor: boolean, type: string) =>
      merge(silent, {
        inputs: [{ name: "INPUT0", isTensor: true, type: "float32", shape: [-1, 16] }],
        outputs: [{ name: "OUTPUT0", isTensor, type, shape: [-1, 16] }]
      })
    assert.include(refusal(session(true, "int4")), "the output 'OUTPUT0' has the datatype INT4")
    assert.include(refusal(session(false, "")), "requests carry tensors only")
    assert.isTrue(Result.isSuccess(Compatibility.check("m", session(true, "uint8"))))
  })
})

describe("ModelIo", () => {
  it("takes shapes from the runtime and overridable initializers from the file", () => {
    const io = merge(info(Models.optionalInput()), {
      inputs: [{ name: "INPUT0", isTensor: true, type: "float32", shape: [4] }],
      outputs: [{ name: "OUTPUT0", isTensor: true, type: "float32", shape: [-1, 4] }]
    })
    assert.deepStrictEqual(io.outputs[0]!.shape, [-1, 4])
    assert.strictEqual(
      formatTable(io),
      [
        "The model's own inputs and outputs:",
        "                  name     datatype  shape",
        "  input           INPUT0   FP32      [4]",
        "  optional input  BIAS     FP32      [4]",
        "  output          OUTPUT0  FP32      [-1,4]"
      ].join("\n")
    )
  })

  it("tells an unknown shape from a scalar", () => {
    const file = info(Onnx.model({
      inputs: [Onnx.tensorInfo("X", "FP32", undefined), Onnx.tensorInfo("S", "FP32", [])],
      outputs: [Onnx.tensorInfo("Y", "FP32", undefined)],
      nodes: []
    }))
    const seen = (name: string, shape: ReadonlyArray<number>) => ({ name, isTensor: true, type: "float32", shape })
    const io = merge(file, { inputs: [seen("X", []), seen("S", [])], outputs: [seen("Y", [-1, 3])] })
    assert.deepStrictEqual([...io.inputs, ...io.outputs].map((tensor) => tensor.ranked), [false, true, true])
    assert.include(formatTable(io), "  input   X     FP32      unknown\n  input   S     FP32      []\n")
  })

  it("bounds the table", () => {
    const many = Onnx.model({
      inputs: Array.from({ length: 70 }, (_, index) => Onnx.tensorInfo(`X${index}`, "FP32", [])),
      outputs: [],
      nodes: []
    })
    const lines = formatTable(ofFile(many)).split("\n")
    assert.lengthOf(lines, 53)
    assert.strictEqual(lines.at(-1), "  … and 20 more")
  })
})
