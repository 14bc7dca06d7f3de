import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { DirectoryEntry } from "../../../src/layers/repository/internal/config/Resolve.ts"
import {
  checkDirectoryName,
  directoryToLookInto,
  resolve
} from "../../../src/layers/repository/internal/config/Resolve.ts"
import { parse } from "./Stages.ts"

const file = (name: string): DirectoryEntry => ({ name, kind: "file" })
const directory = (name: string): DirectoryEntry => ({ name, kind: "directory" })

const resolved = (text: string, name: string, ...entries: ReadonlyArray<DirectoryEntry>) => {
  const config = Result.getOrThrow(resolve(parse(text), { name, entries }))
  return [config.name, config.backend, config.platform, config.default_model_filename]
}

const cases: ReadonlyArray<
  readonly [what: string, text: string, entries: ReadonlyArray<DirectoryEntry>, expected: ReadonlyArray<string>]
> = [
  ["an ONNX file", "", [file("model.onnx")], ["onnxruntime", "onnxruntime_onnx", "model.onnx"]],
  ["an ONNX directory", "", [directory("model.onnx")], ["onnxruntime", "onnxruntime_onnx", "model.onnx"]],
  ["a platform", "platform: \"onnxruntime_onnx\"", [], ["onnxruntime", "onnxruntime_onnx", "model.onnx"]],
  ["a backend", "backend: \"onnxruntime\"", [], ["onnxruntime", "onnxruntime_onnx", "model.onnx"]],
  [
    "a backend and a file name of its own",
    "backend: \"onnxruntime\" default_model_filename: \"foo.onnx\"",
    [file("foo.onnx")],
    ["onnxruntime", "onnxruntime_onnx", "foo.onnx"]
  ],
  [
    "the file name model.onnx alone",
    "default_model_filename: \"model.onnx\"",
    [],
    ["onnxruntime", "onnxruntime_onnx", "model.onnx"]
  ],
  [
    "a wrong platform beside model.onnx",
    "platform: \"onnx\" default_model_filename: \"model.onnx\"",
    [],
    ["onnxruntime", "onnx", "model.onnx"]
  ],
  ["another file name alone: nothing", "default_model_filename: \"foo.onnx\"", [file("foo.onnx")], [
    "",
    "",
    "foo.onnx"
  ]],
  ["an unknown platform: nothing", "platform: \"caffe2_netdef\"", [file("model.onnx")], ["", "caffe2_netdef", ""]],
  ["the platform of custom models: its backend", "platform: \"custom\"", [file("model.onnx")], [
    "custom",
    "custom",
    ""
  ]],
  ["the backend of custom models: its platform", "backend: \"custom\"", [file("model.ts")], ["custom", "custom", ""]],
  [
    "a wrong platform with the backend",
    "backend: \"onnxruntime\" platform: \"onnxruntime\"",
    [],
    ["onnxruntime", "onnxruntime", "model.onnx"]
  ],
  ["TensorRT", "", [file("model.plan")], ["tensorrt", "tensorrt_plan", "model.plan"]],
  ["TensorRT by platform", "platform: \"tensorrt_plan\"", [], ["tensorrt", "tensorrt_plan", "model.plan"]],
  [
    "a saved model",
    "",
    [file("model.onnx"), directory("model.savedmodel")],
    ["tensorflow", "tensorflow_savedmodel", "model.savedmodel"]
  ],
  ["a saved model that is a file: none", "", [file("model.savedmodel"), file("model.onnx")], [
    "onnxruntime",
    "onnxruntime_onnx",
    "model.onnx"
  ]],
  ["a frozen graph", "", [file("model.graphdef")], ["tensorflow", "tensorflow_graphdef", "model.graphdef"]],
  [
    "TensorFlow by its file",
    "backend: \"tensorflow\"",
    [file("model.graphdef")],
    ["tensorflow", "tensorflow_graphdef", "model.graphdef"]
  ],
  ["OpenVINO", "", [file("model.xml")], ["openvino", "", "model.xml"]],
  ["TorchScript", "", [file("model.pt")], ["pytorch", "pytorch_libtorch", "model.pt"]],
  ["exported PyTorch", "", [file("model.pt2")], ["pytorch", "torch_aoti", "model.pt2"]],
  ["Python", "", [file("model.py")], ["python", "", "model.py"]],
  ["a backend of somebody else", "backend: \"dali\"", [file("model.dali")], ["dali", "", ""]],
  ["an ensemble", "platform: \"ensemble\"", [], ["", "ensemble", ""]]
]

describe("resolve", () => {
  for (const [what, text, entries, expected] of cases) {
    it(`fills names from ${what}`, () => {
      assert.deepStrictEqual(resolved(text, "m", ...entries), ["m", ...expected])
    })
  }

  it("takes the backend from the text behind the first dot of the model's name", () => {
    assert.deepStrictEqual(resolved("", "m.my.backend"), ["m.my.backend", "my.backend", "", "model.my.backend"])
    assert.deepStrictEqual(resolved("", ".git"), [".git", "git", "", "model.git"])
  })

  it("keeps a name that is given", () => {
    assert.deepStrictEqual(resolved("name: \"n\"", "m", file("model.onnx"))[0], "n")
    assert.isTrue(Result.isFailure(checkDirectoryName(parse("name: \"n\""), "m")))
    assert.isTrue(Result.isSuccess(checkDirectoryName(parse("name: \"m\""), "m")))
  })

  it("says what to do when an ONNX file has another name", () => {
    const fault = Result.getOrThrow(Result.flip(resolve(parse(""), { name: "m", entries: [file("resnet.onnx")] })))
    assert.strictEqual(fault.code, "INVALID_ARG")
    assert.strictEqual(
      fault.message,
      "Invalid model name: Could not determine backend for model 'm' with no backend in model configuration. Expected " +
        "model name of the form 'model.<backend_name>'. Its directory holds 'resnet.onnx': call the file model.onnx, or " +
        "give backend: \"onnxruntime\" and default_model_filename: \"resnet.onnx\" in config.pbtxt."
    )
  })
})

describe("directoryToLookInto", () => {
  it("is the lexicographically first version, else the first directory", () => {
    assert.strictEqual(directoryToLookInto(["2", "10", "configs"]), "10")
    assert.strictEqual(directoryToLookInto([".ipynb_checkpoints", "1"]), "1")
    assert.strictEqual(directoryToLookInto(["warmup", "configs"]), "configs")
    assert.isUndefined(directoryToLookInto([]))
  })
})
