import { assert, describe, it } from "@effect/vitest"
import { remedy } from "../../../src/layers/repository/internal/config/Backend.ts"
import { fault, good } from "./Stages.ts"

const refused = (backend: string) =>
  `unable to find backend library for backend '${backend}', try specifying runtime on the model configuration. `

describe("backends", () => {
  it("runs ONNX models", () => {
    assert.isUndefined(fault(good))
    assert.isUndefined(fault(`${good} runtime: "libtriton_onnxruntime.so"`))
    assert.isUndefined(fault("backend: \"onnxruntime\""))
  })

  it("runs custom models, whichever of the two names them", () => {
    assert.isUndefined(fault("platform: \"custom\""))
    assert.isUndefined(fault("backend: \"custom\""))
    assert.strictEqual(
      fault("backend: \"custom\" platform: \"onnxruntime_onnx\""),
      "unexpected 'platform' and 'backend' pair, got:onnxruntime_onnx, custom"
    )
  })

  const recognised: ReadonlyArray<readonly [text: string, text_: string, remedy: RegExp]> = [
    ["platform: \"tensorrt_plan\"", refused("tensorrt"), /export the original model to ONNX/],
    ["backend: \"tensorrt\"", refused("tensorrt"), /export the original model to ONNX/],
    ["platform: \"tensorflow_graphdef\"", refused("tensorflow"), /tf2onnx.*--graphdef/],
    ["platform: \"tensorflow_savedmodel\"", refused("tensorflow"), /tf2onnx.*--saved-model/],
    ["backend: \"tensorflow\"", refused("tensorflow"), /tf2onnx/],
    ["platform: \"pytorch_libtorch\"", refused("pytorch"), /torch\.onnx\.export/],
    ["backend: \"pytorch\"", refused("pytorch"), /torch\.onnx\.export/],
    ["default_model_filename: \"model.pt2\"", refused("pytorch"), /torch\.onnx\.export/],
    ["backend: \"openvino\"", refused("openvino"), /exporter/],
    ["backend: \"python\"", refused("python"), /in TypeScript, with platform "custom"/],
    ["backend: \"dali\"", refused("dali"), /^The backends .* export the model to ONNX/],
    ["backend: \"ensemble\"", refused("ensemble"), /^An ensemble has platform: "ensemble", and no backend\.$/],
    ["platform: \"dali\"", "unexpected platform type 'dali' for m. ", /^The platforms .* write it in TypeScript/],
    ["platform: \"caffe2_netdef\"", "unexpected platform type 'caffe2_netdef' for m. ", /Caffe2's ONNX exporter/],
    ["platform: \"onnxruntime\"", "unexpected platform type 'onnxruntime' for m. ", /"onnxruntime_onnx"/],
    ["default_model_filename: \"foo.onnx\"", "unexpected platform type '' for m. ", /backend: "onnxruntime"/]
  ]
  for (const [text, triton, sentence] of recognised) {
    it(`recognises ${text} and says what to do, in one sentence`, () => {
      const message = fault(text) ?? ""
      assert.isTrue(message.startsWith(triton), message)
      const rest = message.slice(triton.length)
      assert.match(rest, sentence)
      assert.match(rest, /^[A-Z][^]*\.$/)
      assert.notMatch(rest, /\. [A-Z]/)
    })
  }

  const misspelt: ReadonlyArray<readonly [text: string, triton: string, rest: string]> = [
    ...[["ensembel", "ensemble"], ["Ensemble", "ensemble"], ["costum", "custom"]].map(([given, meant]) =>
      [
        `platform: "${given}" ensemble_scheduling { }`,
        `unexpected platform type '${given}' for m. `,
        `The platforms that run here are "onnxruntime_onnx", "ensemble" and "custom": did you mean "${meant}"?`
      ] as const
    ),
    ...[["onxruntime", "onnxruntime"], ["costum", "custom"]].map(([given, meant]) =>
      [
        `backend: "${given}"`,
        refused(given!),
        `The backends that run here are "onnxruntime" and "custom": did you mean "${meant}"?`
      ] as const
    )
  ]
  for (const [text, triton, rest] of misspelt) {
    it(`names what runs for ${text}`, () => assert.strictEqual(fault(text), triton + rest))
  }

  it("misses the platform of an ensemble", () => {
    assert.strictEqual(
      fault("ensemble_scheduling { step { model_name: \"a\" } }"),
      "Invalid model name: Could not determine backend for model 'm' with no backend in model configuration. Expected " +
        "model name of the form 'model.<backend_name>'. Its config has ensemble_scheduling, but platform: \"ensemble\" is " +
        "missing: add it to config.pbtxt."
    )
  })

  it("refuses the runtime of another backend", () => {
    assert.strictEqual(
      fault("backend: \"identity\" runtime: \"libtriton_onnxruntime.so\""),
      "unable to find backend library 'libtriton_onnxruntime.so' for model 'm', searched: 'r/m/1' 'r/m' " +
        "'/opt/backends/identity' "
    )
  })

  it("refuses a runtime outside of the backend's directory", () => {
    for (const runtime of ["../x.so", "/x.so", "a/../../x.so"]) {
      assert.strictEqual(
        fault(`backend: "onnxruntime" runtime: "${runtime}"`),
        `backend library name '${runtime}' escapes backend directory '/opt/backends/onnxruntime', for model 'm', check ` +
          "model config runtime field"
      )
    }
  })

  it("is not fooled by names of JavaScript", () => {
    assert.match(remedy({ backend: "constructor", platform: "__proto__" }), /^The backends that run here are /)
  })
})
