/** Custom models in a repository: which files are theirs, which may run, and what their configs must say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as CustomConfig from "../../src/layers/repository/internal/CustomConfig.ts"
import * as CustomFile from "../../src/layers/repository/internal/CustomFile.ts"
import * as RepositorySources from "../../src/layers/repository/RepositorySources.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import type { LoadEvent } from "../../src/services/ModelRepository.ts"
import { RepositorySource } from "../../src/services/RepositorySource.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const io = `input { name: "X" data_type: TYPE_FP32 dims: [ 1 ] } output { name: "Y" data_type: TYPE_FP32 dims: [ 1 ] }`

const located = (directory: string, place?: "local" | "remote" | "request") => ({
  id: "m",
  name: "m",
  root: directory,
  directory,
  file: undefined,
  ...(place === undefined ? {} : { place })
})

const locate = Effect.fnUntraced(
  function*(files: ReadonlyArray<string>, name = "") {
    const root = yield* TemporaryRepository.make({ "1": null, ...Object.fromEntries(files.map((file) => [file, ""])) })
    const config = ModelConfig.make({ name: "m", backend: "custom", default_model_filename: name })
    return yield* Effect.map(CustomFile.locate(located(root), config, 1), (file) => file.slice(root.length + 1))
  },
  Effect.provide(TemporaryRepository.platform),
  Effect.scoped
)

describe("the module of a custom model", () => {
  it.effect("is found under the first name that is there, or under its own", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* locate(["1/model.js", "1/model.mjs", "1/model.mts", "1/model.ts"]), "1/model.ts")
      assert.strictEqual(yield* locate(["1/model.js", "1/model.mjs", "1/model.mts"]), "1/model.mts")
      assert.strictEqual(yield* locate(["1/model.js", "1/model.mjs"]), "1/model.mjs")
      assert.strictEqual(yield* locate(["1/model.js"]), "1/model.js")
      assert.strictEqual(yield* locate(["1/model.ts", "1/lib/tokens.mjs"], "lib/tokens.mjs"), "1/lib/tokens.mjs")
    }))

  it.effect("is refused where it is not there, leads away, or is no module", () =>
    Effect.gen(function*() {
      const refused = (files: ReadonlyArray<string>, name?: string) =>
        Effect.map(Effect.flip(locate(files, name)), ({ message }) => message)
      assert.include(
        yield* refused(["1/model.py", "model.ts"]),
        "the custom model 'm' has no module: looked for one of model.ts, model.mts, model.mjs, model.js in"
      )
      assert.include(
        yield* refused(["1/model.ts"], "other.ts"),
        "looked for 'other.ts', its default_model_filename, in"
      )
      for (const name of ["../model.ts", "/etc/model.ts", "a/../../model.ts", "."]) {
        const message = yield* refused(["model.ts", "1/model.ts"], name)
        assert.match(message, /leads out of the version directory|looked for|names no module/, name)
        if (name.startsWith("..") || name.startsWith("a/")) assert.include(message, "leads out")
      }
      assert.include(yield* refused(["1/model.so"], "model.so"), "names no module: expected a file that ends in .ts")
    }))

  it("may run or not by where it comes from", () => {
    const refusals = (place: "local" | "remote" | "request") =>
      (["none", "local", "all"] as const).map((allowed) =>
        CustomFile.refusal("m", located("/m", place), allowed) === undefined
      )
    assert.deepStrictEqual(refusals("local"), [false, true, true])
    assert.deepStrictEqual(refusals("remote"), [false, false, true])
    assert.deepStrictEqual(refusals("request"), [false, false, true])
  })

  it.effect("does not run from a source that does not say that it is on this machine", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "m/config.pbtxt": `platform: "custom" ${io}`,
        "m/1/model.ts": ""
      })
      const far = Layer.effect(
        RepositorySource,
        Effect.map(RepositorySource, ({ open }) =>
          RepositorySource.of({
            open: (root) => Effect.map(open(root), (source) => ({ ...source, local: false }))
          }))
      ).pipe(Layer.provide(RepositorySources.layer))
      for (const [customModels, expected] of [["local", 1], ["all", 0]] as const) {
        const events: Array<LoadEvent> = []
        yield* Layer.build(
          FileModelRepository.layerWithSource({
            paths: [root],
            exitOnError: false,
            customModels,
            onEvent: (event) => Effect.sync(() => events.push(event))
          }).pipe(Layer.provide(Layer.merge(far, FakeExecution.layer(FakeExecution.log()))))
        )
        const reasons = events.flatMap((event) => event._tag === "Failed" ? [event.reason] : [])
        assert.strictEqual(reasons.length, expected)
        if (expected > 0) assert.include(reasons[0], "its repository is on another machine: only what lies in a folder")
      }
    }).pipe(Effect.scoped, Effect.provide(TemporaryRepository.platform)))
})

describe("the config of a custom model", () => {
  const config = (draft: ModelConfig.Draft) => ModelConfig.make({ name: "m", backend: "custom", ...draft })
  const tensor = (name: string) => ({ name, data_type: "TYPE_FP32" as const, dims: [2, -1] })

  it("says what the model takes and gives", () => {
    const { inputs, outputs } = Result.getOrThrow(
      CustomConfig.io(config({ max_batch_size: 4, input: [tensor("X")], output: [tensor("Y")] }))
    )
    assert.deepStrictEqual(inputs.map(({ datatype, name, shape }) => [name, datatype, shape]), [
      ["X", "FP32", [-1, 2, -1]]
    ])
    assert.deepStrictEqual(outputs.map(({ datatype, name, shape }) => [name, datatype, shape]), [
      ["Y", "FP32", [-1, 2, -1]]
    ])
  })

  it("must have inputs and outputs", () => {
    const message = (draft: ModelConfig.Draft) => Result.getOrThrow(Result.flip(CustomConfig.io(config(draft)))).message
    assert.include(message({ output: [tensor("Y")] }), "the config of the custom model 'm' has no input")
    assert.include(message({ input: [tensor("X")] }), "the config of the custom model 'm' has no output")
  })

  it("is warned of for settings that are those of ONNX Runtime", () => {
    const parameter = { string_value: "1" }
    const warnings = CustomConfig.warnings(config({
      optimization: { graph: { level: 1 } },
      parameters: { threshold: parameter, intra_op_thread_count: parameter, "session.x": parameter }
    }))
    assert.strictEqual(warnings.length, 3)
    assert.include(warnings[0], "'optimization' has no effect")
    assert.include(warnings[1], "'intra_op_thread_count'")
    assert.include(warnings[2], "'session.x'")
    assert.deepStrictEqual(CustomConfig.warnings(config({ parameters: { threshold: parameter } })), [])
  })
})
