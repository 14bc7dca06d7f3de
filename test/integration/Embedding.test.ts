import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import { RpcClient, RpcSerialization, RpcServer } from "effect/rpc"
import { createServer } from "node:http"
import { Galatea } from "../../src/index.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { Fake } from "../frontend/http/Fakes.ts"
import { folder } from "./cli/Child.ts"
import { eventually } from "./http/Wire.ts"
import { echo } from "./rpc/Client.ts"

const { InferenceServer, MemoryModelRepository, Server, Tensor } = Galatea

const row = (first = 0): Int32Array => Int32Array.from({ length: 16 }, (_, i) => first + i)
const simple = {
  model: "simple",
  inputs: [Tensor.from("INPUT0", [1, 16], row(3)), Tensor.from("INPUT1", [1, 16], row())]
}

/** The differences that `simple` gives. */
const difference = InferenceServer.infer(simple).pipe(
  Effect.map(({ outputs }) => Tensor.values(outputs[1]!, "INT32")[0]),
  Effect.scoped
)

const models = folder({
  simple: { "config.pbtxt": "max_batch_size: 8 dynamic_batching { }", 1: { "model.onnx": Models.simple() } }
})

/** Threads and sockets that keep this process alive. */
const resources = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /MessagePort|Worker|TCP/.test(name)).toSorted()

describe("the server in a program", () => {
  for (const modelIsolation of ["thread", "inline"] as const) {
    it.live(`listens to nobody, and leaves nothing behind when its scope closes, isolation ${modelIsolation}`, () =>
      Effect.gen(function*() {
        const modelRepository = [yield* models]
        // A small model is let run on the main thread however busy this machine is.
        const options = { modelRepository, modelIsolation, inlineMaxOpenMs: 10_000, inlineTurnMicroseconds: 1_000_000 }
        const before = resources()
        for (let round = 0; round < 2; round++) {
          const scope = yield* Scope.make()
          const context = yield* Scope.provide(Layer.build(Server.layerInProcess(options)), scope)
          assert.notInclude(resources(), "TCPServerWrap")
          assert.strictEqual(yield* Effect.provideContext(difference, context), 3)
          if (modelIsolation === "thread") assert.isAbove(resources().length, before.length)
          yield* Scope.close(scope, Exit.void)
          yield* eventually(resources, (now) => JSON.stringify(now) === JSON.stringify(before))
          const refused = yield* Effect.flip(Effect.provideContext(difference, context))
          assert.include(["Stopping", "ModelNotFound"], refused.reason._tag)
        }
      }))
  }

  it.live("has a neighbour in the same process that shares nothing with it", () =>
    Effect.gen(function*() {
      const modelRepository = [yield* models]
      const options = { modelRepository, httpPort: 0, httpAddress: "127.0.0.1", allowGrpc: false, allowMetrics: false }
      const first = yield* Layer.build(Server.layer({ ...options, id: "first" }))
      const scope = yield* Scope.make()
      const second = yield* Scope.provide(Layer.build(Server.layer({ ...options, id: "second" })), scope)
      const counts = (context: typeof first) =>
        Context.get(context, Galatea.Statistics.Statistics).all().map((books) => books.counts().success.count)
      yield* Effect.provideContext(difference, first)
      yield* Effect.provideContext(difference, first)
      yield* Effect.provideContext(difference, second)
      assert.deepStrictEqual([counts(first), counts(second)], [[2], [1]])
      const names = [first, second].map((context) =>
        Context.get(context, InferenceServer.InferenceServer).metadata.name
      )
      assert.deepStrictEqual(names, ["first", "second"])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Effect.provideContext(difference, first), 3)
    }))

  it.live("takes the program's own repository, executor, statistics and batching policy", () =>
    Effect.gen(function*() {
      const path = `${yield* models}/simple/1/model.onnx`
      const opened: Array<string> = []
      const batches: Array<number> = []
      const context = yield* Layer.build(Server.layerInProcess({}, {
        repository: MemoryModelRepository.layerFromFiles({
          models: [{ name: "mine", path, config: { max_batch_size: 8, dynamic_batching: {} } }]
        }),
        executor: Layer.effect(
          Galatea.Executor.Executor,
          Effect.map(Galatea.Executor.Executor, (real) => ({
            ...real,
            open: (plan: Galatea.Executor.ModelPlan) => {
              opened.push(plan.model)
              return real.open(plan)
            }
          }))
        ).pipe(Layer.provide(Galatea.OnnxExecutor.layer)),
        statistics: Layer.effect(
          Galatea.Statistics.Statistics,
          Effect.map(Galatea.Statistics.Statistics, (real) => ({
            ...real,
            open: (options: Parameters<typeof real.open>[0]) =>
              Effect.map(real.open(options), (books): Galatea.Statistics.VersionBooks =>
                Object.assign(Object.create(books) as Galatea.Statistics.VersionBooks, {
                  executed: (rows: number, times: Galatea.Statistics.ExecutionTimes) => {
                    batches.push(rows)
                    books.executed(rows, times)
                  }
                }))
          }))
        ).pipe(Layer.provide(Galatea.LocalStatistics.layer)),
        batchPolicy: () =>
          Galatea.BatchPolicy.make((queue) =>
            queue.rows < 4 ? Galatea.BatchPolicy.wait(4, Infinity) : Galatea.BatchPolicy.leave(4)
          )
      }))
      const infer = Effect.provideContext(Effect.scoped(InferenceServer.infer({ ...simple, model: "mine" })), context)
      yield* Effect.all(
        Array.from({ length: 8 }, () =>
          infer),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(opened, ["mine"])
      assert.deepStrictEqual(batches, [4, 4])
    }))

  it.live("withdraws a request whose caller is interrupted, and gives answers back with their scope", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        Server.layerInProcess({ modelRepository: [yield* models] }, {
          batchPolicy: () => Galatea.BatchPolicy.make(() => Galatea.BatchPolicy.wait(8, Infinity))
        })
      )
      const { model } = Context.get(context, InferenceServer.InferenceServer)
      const { scheduler } = yield* Effect.fromResult(model("simple", ""))
      const waits = yield* Effect.forkChild(Effect.provideContext(difference, context), { startImmediately: true })
      assert.strictEqual(scheduler.depth().waiting, 1)
      yield* Fiber.interrupt(waits)
      assert.strictEqual(scheduler.depth().waiting, 0)
    }))

  it.live("answers RPC at a route of the program's own router", () =>
    Effect.gen(function*() {
      const fake = new Fake()
      const binary = RpcSerialization.layerSchemaBinary()
      const routes = RpcServer.layerHttp({
        group: Galatea.InferenceRpcs.InferenceRpcs,
        path: "/models/rpc",
        protocol: "http",
        disableFatalDefects: true
      }).pipe(Layer.provide(Galatea.RpcFrontend.layerHandlers()), Layer.provide(binary), Layer.provide(fake.layer))
      const served = yield* Layer.build(
        HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
          Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
        )
      )
      const { address } = Context.get(served, HttpServer.HttpServer)
      const url = `http://127.0.0.1:${"port" in address ? address.port : 0}/models/rpc`
      const protocol = yield* Layer.build(
        RpcClient.layerProtocolHttp({ url }).pipe(Layer.provide(FetchHttpClient.layer), Layer.provide(binary))
      )
      const client = yield* Effect.provideContext(RpcClient.make(Galatea.InferenceRpcs.InferenceRpcs), protocol)
      const { outputs } = yield* client.ModelInfer(echo([4, 5]))
      assert.deepStrictEqual(Tensor.values(outputs[0]!, "FP32"), Float32Array.of(4, 5))
      yield* eventually(() => fake.released, (seen) => seen === 1)
    }))
})
