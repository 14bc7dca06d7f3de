/** Whichever way a request comes, it is asked about once: also one that is not sampled, and must not be taken for the program's own. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Tracer } from "effect"
import { connect, type InferenceClient } from "../../../src/client/Client.ts"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import { connectRpc } from "../../../src/client/RpcPromiseClient.ts"
import { GrpcFrontend } from "../../../src/layers/frontend/GrpcFrontend.ts"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import { HeadSampler } from "../../../src/services/HeadSampler.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Recorded from "../../telemetry/spans/Recorded.ts"
import { folder } from "../cli/Child.ts"

const ones = { data: new Int32Array(16).fill(1), shape: [1, 16] }

const start = Effect.gen(function*() {
  let asked = 0
  const recorded = Recorded.make()
  const context = yield* Layer.build(Server.layer({
    modelRepository: [
      yield* folder({ simple: { "config.pbtxt": "max_batch_size: 4", 1: { "model.onnx": Models.simple() } } })
    ],
    httpAddress: "127.0.0.1",
    httpPort: 0,
    grpcAddress: "127.0.0.1",
    grpcPort: 0,
    allowMetrics: false
  })).pipe(
    Effect.provideService(Tracer.Tracer, recorded.tracer),
    Effect.provideService(HeadSampler, () => {
      asked++
      return false
    })
  )
  recorded.spans.length = 0
  const http = `127.0.0.1:${Context.getUnsafe(context, HttpFrontend).port}`
  const grpc = `127.0.0.1:${Context.getUnsafe(context, GrpcFrontend).port}`
  return { asked: () => asked, http, grpc, spans: recorded.spans }
})

type Started = Effect.Success<typeof start>

const ways: Readonly<Record<string, (started: Started) => InferenceClient>> = {
  HTTP: ({ http }) => connect(`http://${http}`),
  gRPC: ({ grpc }) => connectGrpc(grpc),
  RPC: ({ http }) => connectRpc(`http://${http}`)
}

describe("a request that is not sampled", () => {
  for (const [way, clientOf] of Object.entries(ways)) {
    it.live(`over ${way} is asked about once, and leaves no span`, () =>
      Effect.gen(function*() {
        const started = yield* start
        const client = clientOf(started)
        const answer = yield* Effect.promise(() => client.infer("simple", { INPUT0: ones, INPUT1: ones }))
        assert.strictEqual((answer.outputs["OUTPUT0"]!.data as Int32Array)[0], 2)
        yield* Effect.promise(() => client.infer("nowhere", { INPUT0: ones }).catch(String))
        assert.strictEqual(started.asked(), 2)
        assert.deepStrictEqual(started.spans, [])
      }))
  }
})
