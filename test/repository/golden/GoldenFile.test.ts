import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as GoldenFile from "../../../src/layers/repository/internal/golden/GoldenFile.ts"
import * as GoldenJob from "../../../src/layers/repository/internal/golden/GoldenJob.ts"
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import * as Npy from "../../../src/schema/npy/Npy.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { prepared } from "../warmup/WarmVersion.ts"

const tensor = { name: "x", datatype: "FP32", shape: [1, 2], data: [[1, 2]] }
const output = { ...tensor, name: "y" }
const golden = (changes: object = {}) => ({
  request: { inputs: [tensor] },
  response: { outputs: [output] },
  ...changes
})

/** The golden requests in files of the version 3 of a model `m`. */
const read = Effect.fnUntraced(
  function*(files: Readonly<Record<string, string | Uint8Array | object>>) {
    const directory = yield* TemporaryRepository.make(Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        `m/3/golden/${name}`,
        typeof content === "string" || content instanceof Uint8Array || "link" in content
          ? content as string
          : JSON.stringify(content)
      ])
    ))
    return yield* GoldenFile.readAll({ model: "m", version: 3, directory: `${directory}/m` })
  },
  Effect.scoped,
  Effect.provide(TemporaryRepository.platform)
)

const refusal = (files: Parameters<typeof read>[0]) =>
  Effect.map(Effect.flip(read(files)), ({ message }) => message.replace(/\/\S*?\/m(?=[/:])/g, "/m"))

describe("golden files", () => {
  it.effect("are read by name, with the files that they name; other files are not looked at", () =>
    Effect.gen(function*() {
      const found = yield* read({
        "b.json": golden({ tolerance: { absolute: 1 } }),
        "a.json": golden({
          request: {
            id: "1",
            parameters: { any: true },
            inputs: [
              { name: "x", datatype: "FP32", shape: [1, 2], data_file: "x.npy" },
              { name: "raw", datatype: "INT16", shape: [2], data_file: "raw.bin" },
              { name: "text", datatype: "BYTES", shape: [2], data_file: "deep/text.bin" },
              { name: "words", datatype: "BYTES", shape: [2], data_file: "words.npy" }
            ]
          },
          response: {
            model_name: "m",
            model_version: "1",
            id: "1",
            outputs: [{ ...output, tolerance: { relative: 0 } }]
          }
        }),
        "x.npy": Npy.write("FP32", [1, 2], Float32Array.of(3, 4)),
        "raw.bin": Uint8Array.of(1, 0, 2, 0),
        "deep/text.bin": BytesElements.encode(["a", "b"]),
        "words.npy": Npy.write("BYTES", [2], ["c", "de"]),
        "notes.txt": "nothing"
      })
      assert.deepStrictEqual(found.map(({ name }) => name), ["a", "b"])
      assert.deepStrictEqual(found[0]?.inputs.map(({ data }) => Array.from(data)), [
        Array.from(new Uint8Array(Float32Array.of(3, 4).buffer)),
        [1, 0, 2, 0],
        Array.from(BytesElements.encode(["a", "b"])),
        Array.from(BytesElements.encode(["c", "de"]))
      ])
      assert.deepStrictEqual(found[1]?.outputs.map(({ name, shape }) => [name, shape]), [["y", [1, 2]]])
    }))

  it.effect("are none where a version has no folder of them", () =>
    Effect.gen(function*() {
      const directory = yield* TemporaryRepository.make({ "3/model.onnx": "", "2/golden": "a file" })
      for (const version of [2, 3, 4]) {
        assert.deepStrictEqual(yield* GoldenFile.readAll({ model: "m", version, directory }), [])
      }
    }).pipe(Effect.provide(TemporaryRepository.platform)))

  it.effect("that are not as expected are refused with what, where, and what was expected", () =>
    Effect.gen(function*() {
      const inputs = (...changes: ReadonlyArray<object>) =>
        golden({
          request: { inputs: changes.map((change) => ({ name: "x", datatype: "FP32", shape: [1, 2], ...change })) }
        })
      const cases: ReadonlyArray<readonly [content: object | string, message: string]> = [
        ["{", "'g.json' is no JSON: "],
        ["[]", "'g.json' is not as expected: Expected object"],
        [{}, "Missing key at [\"request\"]"],
        [golden({ tolerances: {} }), "Expected no excess property at [\"tolerances\"]"],
        [golden({ tolerance: { absolute: -1 } }), "at [\"tolerance\"][\"absolute\"]"],
        [golden({ request: { inputs: [] } }), "at [\"request\"][\"inputs\"]"],
        [inputs({ datatype: "FLOAT" }), "at [\"request\"][\"inputs\"][0][\"datatype\"]"],
        [inputs({ shape: [-1] }), "at [\"request\"][\"inputs\"][0][\"shape\"][0]"],
        [inputs({}), "input 'x': expected either 'data' or 'data_file', got neither"],
        [inputs({ data: [1, 2], data_file: "few" }), "input 'x': expected either 'data' or 'data_file', got both"],
        [inputs({ data: [1] }), "input 'x': 'data': it has 1 elements, expected 2 for the shape [1,2]"],
        [
          JSON.stringify(inputs({ data: [] })).replace("[]", "[".repeat(500_000) + "]".repeat(500_000)),
          "input 'x': 'data': its lists lie more than 64 deep within each other"
        ],
        [inputs({ data: [1, "a"] }), "input 'x': 'data': element 1 is \"a\": FP32 expects numbers"],
        [
          inputs({ data_file: "few" }),
          "input 'x': 'few': the file has 3 bytes, expected 8 for FP32 of the shape [1,2]"
        ],
        [
          inputs({ datatype: "BYTES", shape: [1], data_file: "few" }),
          "input 'x': 'few': the file ends within a string, expected 1, each a length of 4 bytes and that many bytes"
        ],
        [inputs({ datatype: "INT32", data_file: "x.npy" }), "input 'x': 'x.npy': the file holds FP32, expected INT32"],
        [
          inputs({ shape: [2], data_file: "x.npy" }),
          "input 'x': 'x.npy': the file holds the shape [1,2], expected [2]"
        ],
        [inputs({ data_file: "cut.npy" }), "input 'x': 'cut.npy': the file "],
        [
          inputs({ data_file: "gone" }),
          "failed to open text file for read /m/3/golden/gone: No such file or directory"
        ],
        [
          inputs({ data_file: "../model.onnx" }),
          "file '../model.onnx' leads out of /m/3/golden: expected a file below it"
        ],
        [inputs({ data_file: "out" }), "file 'out' leads out of /m: expected a file below it"],
        [
          golden({ response: { outputs: [{ ...output, data: [1] }] } }),
          "output 'y': 'data': it has 1 elements, expected 2 for the shape [1,2]"
        ],
        [
          " ".repeat(GoldenFile.maxJsonBytes + 1),
          `more than the ${GoldenFile.maxJsonBytes} that a file of its kind may have`
        ]
      ]
      const npy = Npy.write("FP32", [1, 2], Float32Array.of(3, 4))
      for (const [content, message] of cases) {
        const found = yield* refusal({
          "g.json": content,
          "few": Uint8Array.of(1, 2, 3),
          "x.npy": npy,
          "cut.npy": npy.subarray(0, 70),
          "out": { link: "/etc/hostname" }
        })
        assert.isTrue(found.startsWith("golden request 'g' of model 'm' version 3: "), found)
        assert.include(found, message)
      }
    }))

  it.effect("are at most so many", () =>
    Effect.gen(function*() {
      const files = Object.fromEntries(
        Array.from({ length: GoldenFile.maxRequests + 1 }, (_, i) => [`${i}.json`, "{}"])
      )
      assert.strictEqual(
        yield* refusal(files),
        "model 'm' version 3 has 1001 golden requests in /m/3/golden, more than the 1000 that a version may have"
      )
    }))
})

describe("jobs of golden requests", () => {
  const { signature } = prepared(`max_batch_size: 4
    input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] }
    input { name: "flat" data_type: TYPE_FP32 dims: [ 2, -1 ] reshape { shape: [ -1 ] } optional: true }
    output { name: "y" data_type: TYPE_FP32 dims: [ -1 ] }
    output { name: "a" data_type: TYPE_INT32 dims: [ 1 ] reshape { shape: [ ] } }`)
  const make = (content: object) =>
    Effect.map(read({ "g.json": content }), ([file]) => GoldenJob.make(file!, signature))
  const flat = { name: "flat", datatype: "FP32", shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] }
  const a = { name: "a", datatype: "INT32", shape: [1, 1], data: [7] }

  it.effect("have the shapes of the model, and its outputs by name", () =>
    Effect.gen(function*() {
      const made = Result.getOrThrow(
        yield* make({
          request: { inputs: [tensor, flat] },
          response: { outputs: [{ ...output, tolerance: { relative: 1 } }, a] },
          tolerance: { absolute: 2 }
        })
      )
      assert.deepStrictEqual(made.job.inputs.map(({ name, shape }) => [name, shape]), [["x", [1, 2]], ["flat", [1, 3]]])
      assert.deepStrictEqual(made.job.outputs, ["a", "y"])
      assert.strictEqual(made.job.batchSize, 1)
      assert.deepStrictEqual(made.expected.map(({ shape, tensor, tolerance }) => [shape, tensor.shape, tolerance]), [
        [[1, 1], [1], { absolute: 2, relative: 0.0001, nan_equal: true }],
        [[1, 2], [1, 2], { absolute: 2, relative: 1, nan_equal: true }]
      ])
    }))

  it.effect("are refused where a request does not fit the model", () =>
    Effect.gen(function*() {
      const inputs = (...tensors: ReadonlyArray<object>) => ({ ...golden(), request: { inputs: tensors } })
      const outputs = (...tensors: ReadonlyArray<object>) => ({ ...golden(), response: { outputs: tensors } })
      const cases: ReadonlyArray<readonly [content: object, message: string]> = [
        [inputs({ ...tensor, name: "z" }), "input 'z' is none of the model, which has 'x', 'flat'"],
        [inputs(tensor, tensor), "input 'x' is there twice"],
        [inputs({ ...tensor, datatype: "FP64" }), "input 'x' has the datatype FP64, expected FP32"],
        [inputs({ ...tensor, shape: [2] }), "input 'x' has the shape [2], expected [-1,-1]"],
        [inputs(flat), "input 'x' is missing"],
        [inputs({ ...tensor, shape: [0, 2], data: [] }), "input 'x' has 0 rows, expected 1 to 4"],
        [inputs({ ...tensor, shape: [5, 1], data: [1, 2, 3, 4, 5] }), "input 'x' has 5 rows, expected 1 to 4"],
        [
          inputs({ ...tensor, shape: [2, 1] }, flat),
          "input 'flat' has 1 rows, expected 2 as another input has"
        ],
        [outputs({ ...output, name: "z" }), "output 'z' is none of the model, which has 'y', 'a'"],
        [outputs({ ...a, data: [1.0], datatype: "FP32" }), "output 'a' has the datatype FP32, expected INT32"],
        [outputs({ ...a, shape: [1] }), "output 'a' has the shape [1], expected [-1,1]"]
      ]
      for (const [content, message] of cases) assert.deepStrictEqual(yield* make(content), Result.fail(message))
    }))
})
