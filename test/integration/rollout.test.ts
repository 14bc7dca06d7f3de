/** Versions of a real model rolled out behind every door. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option } from "effect"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { connect, type InferenceClient } from "../../src/client/Client.ts"
import { connectGrpc } from "../../src/client/GrpcClient.ts"
import { connectRpc } from "../../src/client/Rpc.ts"
import { GrpcFrontend } from "../../src/layers/frontend/GrpcFrontend.ts"
import { HttpFrontend } from "../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../src/layers/Server.ts"
import type { ServerOptions } from "../../src/schema/ServerOptions.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import * as InferenceServer from "../../src/services/InferenceServer.ts"
import { run } from "../cli/Memory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as Child from "./cli/Child.ts"
import * as Exposition from "./Exposition.ts"

/** Each version multiplies by its number. */
const files = (rollout: unknown): Child.Files => ({
  m: {
    "config.pbtxt": "version_policy { all { } } instance_group { count: 1 kind: KIND_CPU }",
    "rollout.json": JSON.stringify(rollout),
    ...Object.fromEntries([1, 2, 3].map((version) => [version, { "model.onnx": Models.scaled(version) }]))
  }
})

const local = {
  httpAddress: "127.0.0.1",
  httpPort: 0,
  grpcAddress: "127.0.0.1",
  grpcPort: 0,
  allowMetrics: false
}

const start = Effect.fnUntraced(function*(folder: string, options: Partial<ServerOptions> = {}) {
  const context = yield* Layer.build(Server.layer({ ...local, ...options, modelRepository: [folder] }))
  const url = `http://127.0.0.1:${Option.getOrThrow(Context.getOption(context, HttpFrontend)).port}`
  const grpc = `127.0.0.1:${Option.getOrThrow(Context.getOption(context, GrpcFrontend)).port}`
  return {
    context,
    url,
    clients: { HTTP: connect(url), gRPC: connectGrpc(grpc), RPC: connectRpc(url) } as Readonly<
      Record<string, InferenceClient>
    >
  }
})

const one = { INPUT0: { data: Float32Array.of(1), shape: [1, 1] } }

/** The version that answers, by what it says and by what it does. */
const answeredBy = (
  client: InferenceClient,
  options: { readonly version?: string | number; readonly parameters?: Readonly<Record<string, string | number>> } = {}
) =>
  Effect.promise(async () => {
    const { modelVersion, outputs } = await client.infer("m", one, options)
    const [factor] = outputs["OUTPUT0"]!.data as Float32Array
    assert.strictEqual(String(factor), modelVersion)
    return modelVersion
  })

const labels = { stable: 1, canary: 2, newest: "latest" }

describe("a label", () => {
  it.live("stands wherever a version does, at every door", () =>
    Effect.gen(function*() {
      const { clients, context, url } = yield* start(yield* Child.folder(files({ labels })))
      for (const [door, client] of Object.entries(clients)) {
        assert.strictEqual(yield* answeredBy(client), "3", door)
        for (const [label, version] of [["stable", "1"], ["canary", "2"], ["newest", "3"]] as const) {
          assert.strictEqual(yield* answeredBy(client, { version: label }), version, door)
        }
        yield* Effect.promise(async () => {
          const version = "canary"
          assert.isTrue(await client.modelReady("m", { version }))
          assert.deepStrictEqual((await client.modelMetadata("m", { version })).versions, ["2"])
          assert.strictEqual((await client.modelConfig("m", { version })).name, "m")
          assert.deepStrictEqual((await client.statistics("m", { version })).map(({ version }) => version), ["2"])
        })
        const unknown = yield* Effect.flip(Effect.tryPromise(() => client.infer("m", one, { version: "beta" })))
        assert.match(String(unknown.cause), /specified version string 'beta' \(details: stol\)/, door)
      }
      const answer = yield* InferenceServer.infer({
        model: "m",
        version: "canary",
        inputs: [Tensor.from("INPUT0", [1, 1], Float32Array.of(1))]
      }).pipe(Effect.provideContext(context))
      assert.strictEqual(answer.modelVersion, "2")
      const { err, exit, out } = yield* run(
        ["infer", "m", "--model-version=canary", "--input=1", "--url", url],
        { check: Server.check }
      )
      assert.isTrue(Exit.isSuccess(exit), err)
      assert.match(out, /m version 2/)
    }).pipe(Effect.scoped))

  it.live(
    "moves from version to version under load, while these come and go, without a failed request",
    () =>
      Effect.gen(function*() {
        const folder = yield* Child.folder(files({}))
        const { clients } = yield* start(folder, { modelControlMode: "explicit" })
        /** Two versions are there at any time; the label stands for the newer one. */
        const roll = (version: number) =>
          Effect.promise(async () => {
            const before = (version + 1) % 3 + 1
            const gone = version % 3 + 1
            await rm(join(folder, "m", String(gone)), { recursive: true, force: true })
            Child.write(join(folder, "m"), {
              "rollout.json": JSON.stringify({
                labels: { stable: version },
                traffic: { stable: 1, [before]: 1 },
                sticky: "user"
              }),
              [version]: { "model.onnx": Models.scaled(version) }
            })
            await clients["HTTP"]!.loadModel("m")
          })
        yield* roll(2)
        const done = { answers: 0, moving: true }
        const seen = new Set<string>()
        const load = Object.values(clients).flatMap((client) => [
          Effect.map(answeredBy(client, { version: "stable" }), (version) => seen.add(`stable ${version}`)),
          Effect.map(answeredBy(client, { parameters: { user: 7 } }), (version) => seen.add(`user ${version}`)),
          Effect.map(answeredBy(client), (version) => seen.add(`any ${version}`))
        ]).map((ask) =>
          Effect.whileLoop({ while: () => done.moving, body: () => ask, step: () => void done.answers++ })
        )
        const clientsAtWork = yield* Effect.forkChild(Effect.all(load, { concurrency: "unbounded" }))
        for (let move = 0; move < 9; move++) {
          const enough = done.answers + 10
          yield* roll((move + 2) % 3 + 1)
          while (done.answers < enough && clientsAtWork.pollUnsafe() === undefined) yield* Effect.sleep("1 millis")
        }
        done.moving = false
        yield* Fiber.join(clientsAtWork)
        for (const version of [1, 2, 3]) {
          for (const asked of ["stable", "any"]) assert.include([...seen], `${asked} ${version}`)
        }
      }).pipe(Effect.scoped)
  )
})

describe("traffic that is divided", () => {
  it.live("goes by weight, and a sticky parameter ties a value to a version at every door", () =>
    Effect.gen(function*() {
      const { clients, url } = yield* start(
        yield* Child.folder(files({ labels, traffic: { stable: 1, canary: 1 }, sticky: "user" }))
      )
      const versions = new Map<number, string>()
      for (const [door, client] of Object.entries(clients)) {
        for (let user = 0; user < 24; user++) {
          // A number and its text are the same value: doors differ in what they make of parameters.
          const version = yield* answeredBy(client, { parameters: { user: user % 2 === 0 ? user : String(user) } })
          assert.strictEqual(version, versions.get(user) ?? version, `${door} ${user}`)
          versions.set(user, version)
        }
      }
      assert.deepStrictEqual([...new Set(versions.values())].sort(), ["1", "2"])
      const byChance = new Set<string>()
      for (let i = 0; i < 64; i++) byChance.add(yield* answeredBy(clients["HTTP"]!))
      // Both, but for one time in 2^63.
      assert.deepStrictEqual([...byChance].sort(), ["1", "2"])
      const { text } = yield* Child.ask(`${url}/v2/models/m/rollout`)
      assert.deepStrictEqual(JSON.parse(text), {
        name: "m",
        labels: [
          { name: "stable", version: 1, ready: true },
          { name: "canary", version: 2, ready: true },
          { name: "newest", version: 3, ready: true }
        ],
        traffic: [
          { name: "stable", version: 1, ready: true, weight: 1, share: 0.5 },
          { name: "canary", version: 2, ready: true, weight: 1, share: 0.5 }
        ],
        sticky: "user"
      })
    }).pipe(Effect.scoped))
})

describe("a shadow", () => {
  it.live("compares every answer with what another version says, and nobody sees it", () =>
    Effect.scoped(Effect.gen(function*() {
      const rollout = { labels, traffic: { stable: 1 }, shadow: { to: "canary", share: 1, tolerance: { absolute: 5 } } }
      const server = yield* Child.serve([yield* Child.folder(files(rollout))])
      const client = connect(server.url)
      const ask = (value: number) =>
        Effect.promise(async () => {
          const { modelVersion, outputs } = await client.infer("m", {
            INPUT0: { data: Float32Array.of(value), shape: [1, 1] }
          })
          assert.deepStrictEqual([modelVersion, ...outputs["OUTPUT0"]!.data as Float32Array], ["1", value])
        })
      for (const value of [1, 5, 6, 20]) yield* ask(value)
      const requests = Effect.map(
        Child.ask(`${server.url}/v2/models/m/rollout`),
        ({ text }) => JSON.parse(text).shadow.requests
      )
      const expected = { same: 2, different: 2, failed: 0, dropped: 0 }
      while ((yield* requests).same + (yield* requests).different < 4) yield* Effect.sleep("10 millis")
      assert.deepStrictEqual(yield* requests, expected)
      const metrics = /metrics at (\S+)/.exec(server.out())![1]!
      const families = Exposition.parse((yield* Child.ask(metrics)).text)
      const value = (name: string, more: Readonly<Record<string, string>> = {}) =>
        Exposition.value(families, name, { model: "m", version: "2", ...more })
      for (const [outcome, count] of Object.entries(expected)) {
        assert.strictEqual(value("galatea_shadow_requests_total", { outcome }), count)
      }
      assert.strictEqual(value("galatea_shadow_difference_sum"), 1 + 5 + 6 + 20)
      assert.strictEqual(value("galatea_shadow_difference_bucket", { le: "10" }), 3)
      // It counts as a request of the version that ran it.
      assert.strictEqual(value("nv_inference_request_success"), 4)
      assert.match(server.err(), /version 2 in the shadow answers otherwise than version 1: output 'OUTPUT0' differs/)
    })))
})

describe("a rollout that is wrong", () => {
  it.live("ends the start with what is wrong and where", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder(files({ labels: { stable: 4 } }))
      const { code, err } = yield* Child.run(["serve", "--http-port=0", "--grpc-port=0", "--metrics-port=0", folder])
      assert.strictEqual(code, 1)
      assert.include(
        err,
        `${folder}/m/rollout.json:1:12: 'labels.stable' stands for version 4, which is not served; expected one of 1, 2, 3`
      )
    }).pipe(Effect.scoped))

  it.live("changes nothing where it replaces one that was right, and the index says why", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder(files({ labels }))
      const { clients, url } = yield* start(folder, { modelControlMode: "explicit", loadModel: ["m"] })
      const client = clients["HTTP"]!
      const write = (text: string) => Effect.sync(() => Child.write(join(folder, "m"), { "rollout.json": text }))
      for (
        const [text, reason] of [
          ["{", /rollout\.json is no JSON/],
          [
            `{"labels": {"stable": 9}}`,
            /rollout\.json:1:13: 'labels\.stable' stands for version 9, which is not served/
          ]
        ] as const
      ) {
        yield* write(text)
        const error = yield* Effect.flip(Effect.tryPromise(() => client.loadModel("m")))
        assert.match(String(error.cause), /failed to load 'm'/)
        for (const version of ["stable", "canary", "newest"]) yield* answeredBy(client, { version })
        const { text: index } = yield* Child.ask(`${url}/v2/repository/index`, { method: "POST" })
        assert.match(index, reason)
      }
      yield* write(`{"labels": {"stable": 2}}`)
      yield* Effect.promise(() => client.loadModel("m"))
      assert.strictEqual(yield* answeredBy(client, { version: "stable" }), "2")
      assert.strictEqual((yield* Effect.promise(() => client.statistics("m", { version: 2 })))[0]?.version, "2")
    }).pipe(Effect.scoped))

  it.live("is told of a model that nobody knows", () =>
    Effect.gen(function*() {
      const { url } = yield* start(yield* Child.folder(files({})))
      assert.deepStrictEqual(yield* Child.ask(`${url}/v2/models/none/rollout`), {
        status: 404,
        text: `{"error":"Request for unknown model: 'none' is not found"}`
      })
    }).pipe(Effect.scoped))
})
