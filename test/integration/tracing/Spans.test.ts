/** Spans of a whole server, below those of its clients. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { connect, tensor } from "../../../src/client/Client.ts"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import * as RpcInferenceClient from "../../../src/client/RpcClient.ts"
import * as Recorded from "../../telemetry/spans/Recorded.ts"
import { layerWith, Running } from "../client/Running.ts"
import { eventually } from "../http/Wire.ts"

const spanOf = (digit: string) => digit.repeat(16)
const traceId = "0af7651916cd43dd8448eb211c80319c"
const headers = (digit: string) => ({ traceparent: `00-${traceId}-${spanOf(digit)}-01` })
const inputs = { INPUT0: tensor(new Int32Array(16), [1, 16]), INPUT1: tensor(new Int32Array(16), [1, 16]) }

const served = Effect.gen(function*() {
  const recorded = Recorded.make()
  const context = yield* Layer.build(
    layerWith({ modelControlMode: "explicit", loadModel: ["simple"] }).pipe(
      Layer.provide(Layer.succeed(Tracer.Tracer, recorded.tracer))
    )
  )
  const { grpc, url } = yield* Effect.provideContext(Running, context)
  return { recorded, grpc, url }
})

/** The client's span above one, by the digit of its id; without one, the name of the root. */
const above = (span: Recorded.RecordedSpan): string => {
  for (let at: Tracer.AnySpan = span;;) {
    if (at._tag === "ExternalSpan") return at.spanId[0]!
    if (at.parent._tag === "None") return at.name
    at = at.parent.value
  }
}

describe("Spans of a server", () => {
  it.live("are below those of its clients, for inference over each protocol", () =>
    Effect.gen(function*() {
      const { grpc, recorded, url } = yield* served
      const http = connect(url)
      const overGrpc = connectGrpc(grpc)
      const rpc = yield* Effect.provide(
        RpcInferenceClient.make(),
        yield* Layer.build(Layer.provide(RpcInferenceClient.layerProtocolHttp(url), FetchHttpClient.layer))
      )
      yield* Effect.promise(async () => {
        await http.infer("simple", inputs, { headers: headers("1") })
        await overGrpc.infer("simple", inputs, { headers: headers("2") })
        for await (const _ of overGrpc.stream("simple", [{ inputs }], { headers: headers("3") })) continue
      })
      yield* rpc.infer("simple", inputs, { headers: headers("4") })
      yield* Stream.runDrain(rpc.stream("simple", inputs, { headers: headers("5") }))
      yield* eventually(
        () => recorded.spans.filter(({ kind, status }) => kind === "server" && status._tag === "Ended").length,
        (count) => count === 5
      )
      assert.deepStrictEqual(
        recorded.spans.filter(({ kind }) => kind === "server").map((span) =>
          `${span.name} ${span.traceId === traceId} ${Recorded.parentOf(span)?.[0]}`
        ),
        [
          "POST /v2/models/{model}/infer true 1",
          "inference.GRPCInferenceService/ModelInfer true 2",
          "inference.GRPCInferenceService/ModelStreamInfer true 3",
          "ModelInfer true 4",
          "ModelStreamInfer true 5"
        ]
      )
      yield* Effect.promise(() => Promise.all([http.close(), overGrpc.close()]))
    }).pipe(Effect.scoped))

  it.live("are below those of its clients, for loads and unloads", () =>
    Effect.gen(function*() {
      const { grpc, recorded, url } = yield* served
      const http = connect(url)
      const overGrpc = connectGrpc(grpc)
      recorded.spans.length = 0
      yield* Effect.promise(async () => {
        await http.loadModel("identity_fp32", { headers: headers("1") })
        await overGrpc.loadModel("identity_bytes", { headers: headers("2") })
        await http.loadModel("identity_wide")
        await Promise.all([http.close(), overGrpc.close()])
      })
      assert.deepStrictEqual(recorded.named("model.load").map(above), ["1", "2", "FileModelRepository.load"])
    }).pipe(Effect.scoped))
})
