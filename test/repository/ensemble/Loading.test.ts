import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { open, type Opened, type Setup } from "../control/Repository.ts"
import { onnx } from "../control/Repository.ts"
import type * as TemporaryRepository from "../TemporaryRepository.ts"
import { chain, doubling, ensemble, nested } from "./Configs.ts"

const model = (name: string): TemporaryRepository.Tree => ({ [`${name}/1/model.onnx`]: onnx })
const folder = (name: string, config: string): TemporaryRepository.Tree => ({
  [`${name}/config.pbtxt`]: config,
  [`${name}/1`]: null
})

/** Versions in the order in which they became ready. */
const order = ({ events }: Opened) => events.flatMap((event) => event._tag === "Ready" ? [event.model] : [])

const start = (tree: TemporaryRepository.Tree, setup: Setup = {}) => open(tree, setup)

describe("ensembles at start-up", () => {
  it.effect("load after the models that they consist of, those of others first", () =>
    Effect.gen(function*() {
      const opened = yield* start({
        ...folder("a_outer", chain("z", (from, to) => nested("b_inner", from, to))),
        ...folder("b_inner", chain("y", "z")),
        ...model("y"),
        ...model("z")
      }, { exitOnError: true, strictModelConfig: false })
      assert.deepStrictEqual(order(opened).slice(0, 2).toSorted(), ["y", "z"])
      assert.deepStrictEqual(order(opened).slice(2), ["b_inner", "a_outer"])
      assert.deepStrictEqual(yield* opened.rows("a_outer"), ["1 READY"])
      assert.isTrue(yield* opened.repository.allReady)
      const found = Result.getOrThrow(opened.lookup("a_outer", ""))
      assert.deepStrictEqual(found.config.model_transaction_policy, { decoupled: false })
      assert.deepStrictEqual(found.signature.inputs.map(({ datatype, name, shape }) => [name, datatype, shape]), [
        ["IN", "INT32", [-1, 16]]
      ])
      assert.isTrue(found.healthy())
    }))

  it.effect("have the labels of the step that writes the output, or their own", () =>
    Effect.gen(function*() {
      const labelled = `backend: "onnxruntime" max_batch_size: 4
        input [ { name: "INPUT0" data_type: TYPE_INT32 dims: 16 }, { name: "INPUT1" data_type: TYPE_INT32 dims: 16 } ]
        output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: 16 label_filename: "labels.txt" },
          { name: "OUTPUT1" data_type: TYPE_INT32 dims: 16 } ]`
      const opened = yield* start({
        ...model("m"),
        "m/config.pbtxt": labelled,
        "m/labels.txt": "ant\nbee\n",
        ...folder("inherits", chain("m")),
        ...folder("through", chain((from, to) => nested("inherits", from, to))),
        ...folder(
          "own",
          ensemble({ steps: [doubling("m", "IN", "OUT")], outputs: { OUT: { more: `label_filename: "l"` } } })
        ),
        "own/l": "x\n"
      })
      const labels = (name: string) => Result.getOrThrow(opened.lookup(name, "")).signature.outputs[0]!.labels
      assert.deepStrictEqual(labels("inherits"), ["ant", "bee"])
      assert.deepStrictEqual(labels("through"), ["ant", "bee"])
      assert.deepStrictEqual(labels("own"), ["x"])
    }))

  it.effect("fail with the reason of the model that failed, and stop the server where they should", () =>
    Effect.gen(function*() {
      const tree = {
        ...model("good"),
        ...model("bad"),
        ...folder("e", chain("good", "bad")),
        ...folder("outer", chain((from, to) => nested("e", from, to)))
      }
      const why = "ensemble 'e' depends on 'bad' which has no loaded version. Model 'bad' loading failed with error: " +
        "version 1 is at UNAVAILABLE state: Internal: onnx runtime error 1: no;"
      const opened = yield* start(tree, { fails: (label) => label === "bad 1" })
      assert.deepStrictEqual(yield* opened.rows("e"), [`1 UNAVAILABLE Invalid argument: ${why}`])
      assert.deepStrictEqual(yield* opened.rows("outer"), [
        `1 UNAVAILABLE Invalid argument: ensemble 'outer' depends on 'e' which is not valid. Model 'e' failed with error: ${why}`
      ])
      assert.deepStrictEqual(yield* opened.rows("good"), ["1 READY"])
      assert.isFalse(yield* opened.repository.allReady)
      const found = opened.lookup("e", "1")
      assert.strictEqual(
        Result.isFailure(found) && found.failure.message,
        "Request for unknown model: 'e' version 1 is not at ready state"
      )
      const error = yield* Effect.flip(start(tree, { exitOnError: true, fails: (label) => label === "bad 1" }))
      assert.deepStrictEqual(
        error._tag === "ModelsNotLoaded" && error.failures.map(({ model }) => model),
        ["bad", "e", "outer"]
      )
    }))

  const cases: ReadonlyArray<readonly [what: string, tree: TemporaryRepository.Tree, name: string, reason: string]> = [
    [
      "a model that nobody knows",
      folder("e", chain("absent", "m", "other")),
      "e",
      "ensemble e contains models that are not available or ambiguous: absent, other\nstep 0 names 'absent'\nstep 2 names 'other'"
    ],
    [
      "a model whose name is misspelt",
      { ...model("double"), ...folder("e", chain("m", "doubel")) },
      "e",
      "ensemble e contains models that are not available or ambiguous: doubel\nstep 1 names 'doubel': did you mean 'double'?"
    ],
    [
      "a model whose config is wrong",
      { ...model("m2"), "m2/config.pbtxt": "max_batch_size: -1", ...folder("e", chain("m2")) },
      "e",
      "ensemble 'e' depends on 'm2' which is not valid. Model 'm2' failed with error: Poll failed for model directory " +
      "'m2': 'max_batch_size' must be non-negative value for m2"
    ],
    [
      "a version that is not there",
      folder("e", ensemble({ steps: [doubling("m", "IN", "OUT", 2)] })),
      "e",
      "ensemble 'e' depends on 'm' whose required version 2 is not loaded."
    ],
    [
      "no version, which means 0",
      folder("e", ensemble({ steps: [doubling("m", "IN", "OUT", 0)] })),
      "e",
      "ensemble 'e' depends on 'm' whose required version 0 is not loaded.\n" +
      "step 0 gives no model_version, which means version 0: say -1 for the latest"
    ],
    [
      "itself",
      folder("e", chain((from, to) => nested("e", from, to))),
      "e",
      "circular dependency between ensembles: e -> e"
    ],
    [
      "a circle of three",
      {
        ...folder("e", chain("m", (from, to) => nested("f", from, to))),
        ...folder("f", chain((from, to) => nested("g", from, to))),
        ...folder("g", chain((from, to) => nested("e", from, to)))
      },
      "f",
      "circular dependency between ensembles: f -> g -> e -> f"
    ],
    [
      "a batch that a model cannot take",
      folder("e", ensemble({ batch: 8, steps: [doubling("m", "IN", "OUT")] })),
      "e",
      "ensemble e allows maximum batch size 8, but it contains model m which only allows maximum batch size to be 4\n" +
      "in step 0 'm': lower max_batch_size of the ensemble, or raise that of the model"
    ]
  ]
  for (const [what, tree, name, reason] of cases) {
    it.effect(`say why they do not load: ${what}`, () =>
      Effect.gen(function*() {
        const opened = yield* start({ ...model("m"), ...tree })
        assert.deepStrictEqual(yield* opened.rows(name), [`1 UNAVAILABLE Invalid argument: ${reason}`])
        assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])
      }))
  }

  it.effect("are told about once each", () =>
    Effect.gen(function*() {
      const opened = yield* start({ ...folder("e", chain("absent")) })
      assert.deepStrictEqual(opened.complaints(), [
        "failed to load 'e' version 1: Invalid argument: ensemble e contains models that are not available or ambiguous: absent\nstep 0 names 'absent'"
      ])
    }))

  it.effect("need a folder for a version, and a complete config", () =>
    Effect.gen(function*() {
      const opened = yield* start({
        ...model("m"),
        "flat/config.pbtxt": chain("m"),
        "plain/config.pbtxt": "platform: \"onnxruntime_onnx\"",
        "third/config.pbtxt": `${chain("m")} version_policy { specific { versions: [ 3 ] } }`,
        ...folder("dims", chain("m").replaceAll("dims: [ 16 ]", "")),
        ...folder("decoupled", `${chain("m")} model_transaction_policy { decoupled: true }`)
      })
      const none = (name: string) =>
        `at least one version must be available under the version policy of model '${name}'`
      const said = new Map((yield* opened.repository.index).map(({ name, reason }) => [name, reason]))
      assert.include(
        said.get("flat"),
        `${none("flat")}: its directory holds no version, make the folder flat/1, which may be empty for an ensemble`
      )
      assert.include(
        said.get("third"),
        `${none("third")}: its directory holds no version, make the folder third/3, which may be empty for an ensemble`
      )
      assert.include(
        said.get("plain"),
        `${none("plain")}: its directory holds no version, make the folder plain/1 with the model's file in it`
      )
      assert.match((yield* opened.rows("dims")).join(), /model input 'IN' must specify 'dims' for dims/)
      assert.match((yield* opened.rows("decoupled")).join(), /declares decoupled responses/)
    }))

  it.effect("of several versions load all of them, or none", () =>
    Effect.gen(function*() {
      const tree = {
        ...model("m"),
        "e/config.pbtxt": `${chain("m")} version_policy { all { } }`,
        "e/1": null,
        "e/4": null
      }
      const opened = yield* start(tree)
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 READY", "4 READY"])
      const failing = yield* start(tree, { fails: () => true })
      assert.deepStrictEqual((yield* failing.rows("e")).map((row) => row.slice(0, 13)), [
        "1 UNAVAILABLE",
        "4 UNAVAILABLE"
      ])
    }))
})
