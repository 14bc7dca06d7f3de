/** Ensembles of real models behind HTTP: how they come, go, and come back with the models that they consist of. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, type InferenceClient } from "../../../src/client/Client.ts"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import type { ServerOptions } from "../../../src/schema/ServerOptions.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { chain, ensemble, nested, type Step } from "../../repository/ensemble/Configs.ts"
import * as Child from "../cli/Child.ts"

const start = Effect.fnUntraced(function*(folder: string, options: Partial<ServerOptions> = {}) {
  const context = yield* Layer.build(Server.layer({
    httpAddress: "127.0.0.1",
    httpPort: 0,
    allowGrpc: false,
    allowMetrics: false,
    ...options,
    modelRepository: [folder]
  }))
  const url = `http://127.0.0.1:${Option.getOrThrow(Context.getOption(context, HttpFrontend)).port}`
  return { client: connect(url), url }
})

const one = "instance_group { count: 1 kind: KIND_CPU }"
const simple = (versions: ReadonlyArray<number> = [1]): Child.Files => ({
  "config.pbtxt": `max_batch_size: 4 version_policy { all { } } ${one}`,
  ...Object.fromEntries(versions.map((version) => [version, { "model.onnx": Models.simple() }]))
})
const folder = (config: string): Child.Files => ({ "config.pbtxt": config, "1": {} })

const values = Int32Array.from({ length: 16 }, (_, i) => i)
const infer = (client: InferenceClient, model: string, outputs?: ReadonlyArray<string>) =>
  Effect.tryPromise(async () => {
    const answer = await client.infer(model, { IN: { data: values, shape: [1, 16] } }, outputs && { outputs })
    return Object.fromEntries(Object.entries(answer.outputs).map(([name, { data }]) => [name, [...data as Int32Array]]))
  })
const times = (factor: number) => [...values].map((value) => value * factor)

const counts = (client: InferenceClient, model: string) =>
  Effect.promise(async () =>
    Object.fromEntries(
      (await client.statistics(model)).map((
        { inference_stats, version }
      ) => [version, Number(inference_stats.success.count)])
    )
  )

const rows = (client: InferenceClient, model: string) =>
  Effect.promise(async () =>
    (await client.repositoryIndex()).filter(({ name }) => name === model).map(({ reason, state, version }) =>
      [version, state, reason].filter((part) => part !== undefined && part !== "").join(" ")
    )
  )

/** Asks again until the answer is the one that is waited for. */
const until = <A>(ask: Effect.Effect<A>, isIt: (answer: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(
    ask,
    (answer) => isIt(answer) ? Effect.succeed(answer) : Effect.andThen(Effect.sleep("5 millis"), until(ask, isIt))
  )

describe("ensembles in a repository", () => {
  it.live("load after their models, whatever their names, and answer", () =>
    Effect.gen(function*() {
      const { client } = yield* start(
        yield* Child.folder({
          a: folder(chain((from, to) => nested("b", from, to), "z")),
          b: folder(chain("z", "z")),
          z: simple()
        })
      )
      assert.deepStrictEqual(yield* infer(client, "a"), { OUT: times(8) })
      assert.deepStrictEqual(yield* counts(client, "z"), { 1: 3 })
    }))

  const versions: ReadonlyArray<Step> = [1, 2].map((version) => ({
    model: "add_sub",
    version,
    inputs: { INPUT0: "IN", INPUT1: "IN" },
    outputs: version === 1 ? { OUTPUT1: "OUT1" } : { OUTPUT0: "OUT0" }
  }))
  const both = Child.folder({
    add_sub: simple([1, 2]),
    e: folder(ensemble({ steps: versions, outputs: { OUT0: {}, OUT1: {} } }))
  })

  it.live("97 two versions of a model as steps", () =>
    Effect.gen(function*() {
      const { client } = yield* start(yield* both)
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* infer(client, "e"), { OUT0: times(2), OUT1: times(0) })
      }
      assert.deepStrictEqual(yield* counts(client, "add_sub"), { 1: 3, 2: 3 })
      assert.deepStrictEqual(yield* counts(client, "e"), { 1: 3 })
    }))

  it.live("98 a step that is not asked for does not run", () =>
    Effect.gen(function*() {
      const { client } = yield* start(yield* both)
      assert.deepStrictEqual(yield* infer(client, "e", ["OUT0"]), { OUT0: times(2) })
      assert.deepStrictEqual(yield* counts(client, "add_sub"), { 1: 0, 2: 1 })
    }))

  it.live("111 a step that is unloaded takes the ensemble with it, and brings it back", () =>
    Effect.gen(function*() {
      const { client } = yield* start(yield* Child.folder({ e: folder(chain("x")), x: simple(), y: simple() }), {
        modelControlMode: "explicit",
        loadModel: ["e"]
      })
      assert.deepStrictEqual(yield* rows(client, "y"), [""])
      assert.deepStrictEqual(yield* infer(client, "e"), { OUT: times(2) })
      yield* Effect.promise(() => client.unloadModel("x"))
      const reason = "Invalid argument: ensemble 'e' depends on 'x' which has no loaded version."
      yield* until(
        rows(client, "e"),
        (seen) => seen.join() === `1 UNAVAILABLE ${reason}`
      )
      const refused = yield* Effect.flip(infer(client, "e"))
      assert.include(String(refused.cause), "Request for unknown model: 'e' has no available versions")
      assert.isFalse(yield* Effect.promise(() => client.modelReady("e")))
      yield* Effect.promise(() => client.loadModel("x"))
      assert.deepStrictEqual(yield* rows(client, "e"), ["1 READY"])
      assert.deepStrictEqual(yield* infer(client, "e"), { OUT: times(2) })
    }))

  it.live("answers all that it accepted while its models are unloaded, loaded and replaced", () =>
    Effect.gen(function*() {
      const root = yield* Child.folder({
        inner: folder(chain("x", "y")),
        outer: folder(chain((from, to) => nested("inner", from, to), "x")),
        x: simple(),
        y: simple()
      })
      const { client } = yield* start(root, { modelControlMode: "explicit", loadModel: ["outer"] })
      const caller = { over: false }
      let answered = 0
      const refusals = new Set<string>()
      const call = Effect.gen(function*() {
        while (!caller.over) {
          const result = yield* Effect.result(infer(client, "outer"))
          if (result._tag === "Success") {
            answered++
            assert.deepStrictEqual(result.success, { OUT: times(8) })
          } else refusals.add(String(result.failure.cause))
        }
      })
      const callers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(call, { startImmediately: true }))
      for (let i = 0; i < 12; i++) {
        const model = ["x", "y", "inner"][i % 3]!
        if (i < 6) {
          writeFileSync(join(root, i % 2 === 0 ? "x" : "y", "labels.txt"), String(i))
          yield* Effect.promise(() => client.loadModel(i % 2 === 0 ? "x" : "y"))
          assert.deepStrictEqual([...refusals], [], "a replacement fails nothing")
        } else {
          yield* Effect.promise(() => client.unloadModel(model))
          yield* Effect.promise(() => client.loadModel(model))
        }
        assert.deepStrictEqual(yield* rows(client, "outer"), ["1 READY"])
        const before = answered
        yield* until(Effect.sync(() => answered), (now) => now > before + 3)
      }
      caller.over = true
      yield* Effect.forEach(callers, Fiber.join, { discard: true })
      for (const refusal of refusals) {
        assert.match(refusal, /'outer' (has no available versions|version 1 is not at ready)/)
      }
    }))

  it.live("unloads what only it uses, where that is asked for", () =>
    Effect.gen(function*() {
      const root = yield* Child.folder({
        e: folder(chain("x", "y", "z")),
        other: folder(chain("y")),
        x: simple(),
        y: simple(),
        z: simple()
      })
      const { client, url } = yield* start(root, { modelControlMode: "explicit", loadModel: ["e", "other", "z"] })
      const ready = () =>
        Effect.promise(async () => (await client.repositoryIndex({ readyOnly: true })).map(({ name }) => name))
      const unload = (dependents: boolean) =>
        Effect.promise(() =>
          fetch(`${url}/v2/repository/models/e/unload`, {
            method: "POST",
            body: JSON.stringify({ parameters: { unload_dependents: dependents } })
          })
        )
      yield* unload(false)
      assert.deepStrictEqual(yield* ready(), ["other", "x", "y", "z"], "without it they stay")
      yield* Effect.promise(() => client.loadModel("e"))
      assert.strictEqual((yield* unload(true)).status, 200)
      assert.deepStrictEqual(yield* ready(), ["other", "y", "z"], "y is used by another one, z was loaded by its name")
    }))
})
