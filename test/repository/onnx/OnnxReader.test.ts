import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Result } from "effect"
import * as fc from "fast-check"
import * as OnnxReader from "../../../src/layers/repository/internal/onnx/OnnxReader.ts"
import { windowSize } from "../../../src/layers/repository/internal/onnx/ProtobufWalk.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Onnx from "../../fixtures/onnx/OnnxWriter.ts"
import * as Protobuf from "../../fixtures/onnx/Protobuf.ts"

const read = (bytes: Uint8Array): OnnxReader.OnnxModelInfo => Result.getOrThrow(OnnxReader.fromBytes("m.onnx", bytes))

const failure = (bytes: Uint8Array): string => {
  const result = OnnxReader.fromBytes("m.onnx", bytes)
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? result.failure : ""
}

const graph = (graph: Partial<Onnx.ModelOptions>) => Onnx.model({ inputs: [], outputs: [], nodes: [], ...graph })

describe("OnnxReader.fromBytes", () => {
  it("reads versions, inputs and outputs in graph order", () => {
    const info = read(Models.simple())
    assert.strictEqual(info.irVersion, 10)
    assert.deepStrictEqual([...info.opsets], [["", 21]])
    assert.deepStrictEqual(
      info.inputs,
      ["INPUT0", "INPUT1"].map((name) => ({
        name,
        kind: "tensor" as const,
        elemType: 6,
        datatype: "INT32" as const,
        shape: [-1, 16],
        symbols: ["batch", ""],
        ranked: true
      }))
    )
    assert.deepStrictEqual(info.outputs.map((output) => output.name), ["OUTPUT0", "OUTPUT1"])
    assert.deepStrictEqual(info.overridableInitializers, [])
    assert.deepStrictEqual(info.externalDataFiles, [])
  })

  it("reads numbers, symbols, absent and negative dimensions, scalars and absent shapes", () => {
    const { inputs } = read(graph({
      inputs: [
        Onnx.tensorInfo("dims", "FP32", [3, "N", undefined, -1, 0, 2 ** 40]),
        Onnx.tensorInfo("scalar", "FP32", []),
        Onnx.tensorInfo("unranked", "FP32", undefined)
      ]
    }))
    assert.deepStrictEqual(inputs[0]!.shape, [3, -1, -1, -1, 0, 2 ** 40])
    assert.deepStrictEqual(inputs[0]!.symbols, ["", "N", "", "", "", ""])
    assert.deepStrictEqual([inputs[1]!.shape, inputs[1]!.ranked], [[], true])
    assert.deepStrictEqual([inputs[2]!.shape, inputs[2]!.ranked], [[], false])
  })

  it("knows every element type of the table, and gives the number of the others", () => {
    for (const [name, elemType] of Object.entries(Onnx.elementTypes)) {
      const [input] = read(Models.identity(name as Onnx.ElementType)).inputs
      assert.strictEqual(input!.elemType, elemType)
      const known = !/^(UNDEFINED|COMPLEX|FP8|FP4|U?INT4$)/.test(name)
      assert.strictEqual(input!.datatype, known ? name as never : undefined)
    }
  })

  it("tells sequences, maps, optionals and sparse tensors from tensors", () => {
    const { outputs } = read(graph({
      outputs: [
        Onnx.sequenceInfo("sequence", "FP32"),
        Onnx.optionalInfo("optional", "FP32"),
        { name: "map", type: { kind: "map", key: "INT64", value: { kind: "tensor", datatype: "FP32", shape: [] } } },
        { name: "sparse", type: { kind: "sparse", datatype: "FP32", shape: [2] } }
      ]
    }))
    assert.deepStrictEqual(outputs.map((output) => output.kind), ["sequence", "optional", "map", "sparse"])
  })

  it("takes stored values off the inputs; they are overridable from IR version 4 on", () => {
    const current = read(Models.optionalInput())
    assert.deepStrictEqual(current.inputs.map((input) => input.name), ["INPUT0"])
    assert.deepStrictEqual(current.overridableInitializers.map((input) => input.name), ["BIAS"])
    const old = read(Models.optionalInput(3))
    assert.deepStrictEqual(old.inputs.map((input) => input.name), ["INPUT0"])
    assert.deepStrictEqual(old.overridableInitializers, [])
  })

  it("counts sparse stored values, and not the tensors inside attributes", () => {
    const values = Onnx.initializer("SPARSE", "FP32", [1], Float32Array.of(1))
    const info = read(graph({
      inputs: [Onnx.tensorInfo("SPARSE", "FP32", [4]), Onnx.tensorInfo("constant", "FP32", [1])],
      nodes: [
        Onnx.node("Constant", [], ["c"], { value: { tensor: { ...values, name: "constant" } } })
      ],
      sparseInitializers: [{
        values,
        indices: Onnx.initializer("constant", "INT64", [1], BigInt64Array.of(2n)),
        shape: [4]
      }]
    }))
    assert.deepStrictEqual(info.inputs.map((input) => input.name), ["constant"])
  })

  it("lists files with weights once each, also those that only a nested graph mentions", () => {
    const external = (name: string, location: string) => Onnx.externalInitializer(name, "FP32", [4], { location })
    const branch: Onnx.Graph = { inputs: [], outputs: [], nodes: [], initializers: [external("c", "nested/c.bin")] }
    const info = read(graph({
      nodes: [Onnx.node("If", ["x"], ["y"], { then_branch: { graph: branch }, else_branch: { graph: branch } })],
      initializers: [external("a", "a.bin"), external("b", "a.bin")]
    }))
    assert.deepStrictEqual(info.externalDataFiles.toSorted(), ["a.bin", "nested/c.bin"])
  })

  it("names the operators of all graphs, with the domains that are not ONNX's own", () => {
    assert.deepStrictEqual([...read(Models.simple()).operators], ["Add", "Sub"])
    const branch: Onnx.Graph = { inputs: [], outputs: [], nodes: [Onnx.node("NonZero", ["x"], ["y"])] }
    const nested = graph({ nodes: [Onnx.node("If", ["x"], ["y"], { then_branch: { graph: branch } })] })
    assert.deepStrictEqual([...read(nested).operators], ["NonZero", "If"])
    const foreign = graph({ nodes: [Onnx.node("Scaler", ["x"], ["y"], {}, "ai.onnx.ml")] })
    assert.deepStrictEqual([...read(foreign).operators], ["ai.onnx.ml.Scaler"])
    const definition = Protobuf.toBytes(Protobuf.message(25, Protobuf.text(1, "Add")))
    const defining = new Uint8Array([...Models.simple(), ...definition])
    assert.deepStrictEqual([...read(defining).operators], ["Add", "Sub", OnnxReader.localFunction])
  })

  it("does not mix inputs of nested graphs with those of the model", () => {
    const { inputs } = read(Models.slow(1))
    assert.deepStrictEqual(inputs.map((input) => input.name), ["INPUT0"])
  })

  it("passes over weights without asking for their bytes", () => {
    const bytes = graph({
      inputs: [Onnx.tensorInfo("x", "FP32", [1])],
      initializers: [0, 1, 2].map((i) => Onnx.initializer(`w${i}`, "FP32", [2 ** 20], new Float32Array(2 ** 20)))
    })
    const walking = OnnxReader.walk(bytes.length)
    let given = 0
    let step = walking.next()
    while (!step.done) {
      const window = bytes.subarray(step.value.offset, step.value.offset + Math.max(step.value.length, windowSize))
      given += window.length
      step = walking.next(window)
    }
    assert.deepStrictEqual(step.value.inputs.map((input) => input.name), ["x"])
    assert.isAbove(bytes.length, 12 * 2 ** 20)
    assert.isBelow(given, 8 * windowSize)
  })

  it("gives the same answer through windows of every size", () => {
    const bytes = Models.optionalInput()
    const whole = read(bytes)
    for (const size of [1, 2, 3, 7, 20, 64]) {
      const walking = OnnxReader.walk(bytes.length)
      let step = walking.next()
      while (!step.done) {
        const { length, offset } = step.value
        step = walking.next(bytes.slice(offset, offset + Math.max(length, size)))
      }
      assert.deepStrictEqual(step.value, whole)
    }
  })

  it("says that an empty file is empty", () => {
    assert.strictEqual(
      failure(new Uint8Array(0)),
      "'m.onnx' is empty (0 bytes). Expected an ONNX model; copy the file again"
    )
  })

  it("says where a model is cut short", () => {
    const bytes = Models.simple()
    assert.match(
      failure(bytes.subarray(0, 60)),
      /^'m\.onnx' is not a complete ONNX model: it is cut short: field 7 at byte 11 announces \d+ bytes, and 46 remain\. Expected/
    )
    for (let length = 1; length < bytes.length - 8; length++) failure(bytes.subarray(0, length))
  })

  it("recognises what people put in the place of a model", () => {
    const put = (content: string) => failure(Uint8Array.from(content, (character) => character.charCodeAt(0)))
    assert.include(put("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git lfs pull")
    assert.include(put("PK\x03\x04archive"), "torch.onnx.export")
    assert.include(put("\x89HDF\r\n\x1a\n"), "tf2onnx")
    assert.include(put("\x10\x00\x00\x00ORTM\x00\x00"), "ORT format")
    assert.include(put("<!DOCTYPE html>"), "web page")
    assert.include(put("no model at all"), "is not a complete ONNX model")
  })

  it("refuses endless nesting, names of megabytes and messages longer than what holds them", () => {
    let inner: Onnx.Graph = { inputs: [], outputs: [], nodes: [] }
    for (let depth = 0; depth < 60; depth++) {
      inner = { inputs: [], outputs: [], nodes: [Onnx.node("If", [], [], { then_branch: { graph: inner } })] }
    }
    assert.include(failure(Onnx.model(inner)), "more than 100 levels of nesting")
    assert.include(failure(Models.identity("FP32", ["n".repeat(2 ** 20 + 1)])), "bytes in one name or description")
    assert.include(
      failure(Uint8Array.of(0x3a, 4, 0x5a, 9, 0, 0, 8, 10)),
      "field 11 at byte 2 announces 9 bytes, more than the 2"
    )
    assert.include(failure(Uint8Array.of(0x3a, ...Array<number>(10).fill(0xff))), "more than 10 bytes")
    assert.include(failure(Uint8Array.of(8, 10)), "holds no graph")
  })

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        OnnxReader.fromBytes("m.onnx", bytes)
      }),
      { numRuns: 2000 }
    )
    const model = Models.optionalInput()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(model.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (edits) => {
          const bytes = model.slice()
          for (const [at, value] of edits) bytes[at] = value
          OnnxReader.fromBytes("m.onnx", bytes)
        }
      ),
      { numRuns: 3000 }
    )
  })
})

describe("OnnxReader.read", () => {
  const inFolder = Effect.fnUntraced(function*(name: string, bytes: Uint8Array) {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped()}/${name}`
    yield* fs.writeFile(path, bytes)
    return path
  })

  it.effect("reads a file as it reads bytes", () =>
    Effect.gen(function*() {
      const bytes = Models.resnet50Shape()
      const path = yield* inFolder("model.onnx", bytes)
      assert.deepStrictEqual(yield* OnnxReader.read({ model: "m", path }), read(bytes))
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("gives Triton's text for a missing file, and says what to do", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(OnnxReader.read({ model: "m", path: "/nowhere/model.onnx" }))
      assert.deepStrictEqual([error._tag, error.model, error.code], ["LoadFailed", "m", "INTERNAL"])
      assert.strictEqual(error.message.split("\n")[0], "failed to stat file /nowhere/model.onnx")
      assert.include(error.message, "default_model_filename")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("refuses folders, devices, empty and broken files with the path in the message", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const message = (path: string) =>
        Effect.map(Effect.flip(OnnxReader.read({ model: "m", path })), (error) => error.message)
      assert.strictEqual(
        yield* message(folder),
        `'${folder}' is no regular file (Directory). Expected an ONNX model file`
      )
      assert.include(yield* message("/dev/zero"), "'/dev/zero' is no regular file")
      assert.include(yield* message(yield* inFolder("model.onnx", new Uint8Array(0))), "is empty (0 bytes)")
      const broken = yield* inFolder("model.onnx", Models.simple().subarray(0, 50))
      assert.include(yield* message(broken), `'${broken}' is not a complete ONNX model: it is cut short`)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})
