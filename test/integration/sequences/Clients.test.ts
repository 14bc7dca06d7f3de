/** Steps of sequences from every client over real sockets: what arrives, and what comes back for a sequence that is lost. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { InferenceClient, Sequence } from "../../../src/client/Client.ts"
import { connect } from "../../../src/client/Client.ts"
import { connectGrpc, type StreamingClient } from "../../../src/client/GrpcClient.ts"
import type { InferenceServerError } from "../../../src/client/InferenceServerError.ts"
import { connectRpc } from "../../../src/client/Rpc.ts"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { SequenceLost } from "../../../src/schema/Errors.ts"
import type { SequenceStep } from "../../../src/schema/Inference.ts"
import { Fake } from "../../frontend/http/Fakes.ts"

class Opened extends Context.Service<Opened, {
  readonly fake: Fake
  readonly http: string
  readonly grpc: string
}>()("galatea/test/integration/sequences/Clients.test/Opened") {}

const opened = Layer.effect(
  Opened,
  Effect.gen(function*() {
    const fake = new Fake()
    const loopback = { address: "127.0.0.1", port: 0 }
    const frontends = yield* Layer.build(
      Layer.mergeAll(HttpFrontend.layer(loopback), GrpcFrontend.layer(loopback)).pipe(
        Layer.provide(Layer.merge(fake.layer, SharedTensorMemory.layer))
      )
    )
    return {
      fake,
      http: `http://127.0.0.1:${Context.get(frontends, HttpFrontend.HttpFrontend).port}`,
      grpc: `127.0.0.1:${Context.get(frontends, GrpcFrontend.GrpcFrontend).port}`
    }
  })
)

type Server = Opened["Service"]

/** One step, whatever call it is made with. */
type Ask<Client> = (client: Client, sequence: Sequence) => Promise<unknown>

const inputs = { X: Float32Array.of(1, 2) }

const ask: Ask<InferenceClient> = (client, sequence) => client.infer("echo", inputs, { sequence })

const askStream: Ask<StreamingClient> = async (client, sequence) => {
  for await (const answer of client.stream("echo", [{ inputs, options: { sequence } }])) return answer
  return assert.fail("no answer came")
}

interface Way {
  readonly name: string
  readonly step: (server: Server, sequence: Sequence) => Promise<unknown>
  /** In a stream of gRPC an error is a text. */
  readonly textOnly?: boolean
}

const way = <Client extends InferenceClient>(
  name: string,
  open: (server: Server) => Client,
  ask: Ask<Client>,
  textOnly = false
): Way => ({
  name,
  textOnly,
  step: async (server, sequence) => {
    const client = open(server)
    try {
      return await ask(client, sequence)
    } finally {
      await client.close()
    }
  }
})

const ways: ReadonlyArray<Way> = [
  way("HTTP", ({ http }) => connect(http), ask),
  way("HTTP, JSON", ({ http }) => connect(http, { binary: false }), ask),
  way("gRPC", ({ grpc }) => connectGrpc(grpc), ask),
  way("gRPC stream", ({ grpc }) => connectGrpc(grpc), askStream, true),
  way("RPC", ({ http }) => connectRpc(http), ask),
  way("RPC stream", ({ http }) => connectRpc(http), askStream)
]

const steps: ReadonlyArray<readonly [Sequence, SequenceStep | undefined]> = [
  [{ id: 1, start: true }, { id: 1n, start: true, end: false }],
  [{ id: 2n ** 63n - 1n }, { id: 9_223_372_036_854_775_807n, start: false, end: false }],
  [{ id: 2n ** 63n, end: true }, { id: 9_223_372_036_854_775_808n, start: false, end: true }],
  [{ id: 2n ** 64n - 1n, start: true, end: true }, { id: 18_446_744_073_709_551_615n, start: true, end: true }],
  [{ id: 9_007_199_254_740_993n }, { id: 9_007_199_254_740_993n, start: false, end: false }],
  [{ id: "1" }, { id: "1", start: false, end: false }],
  [{ id: "grün \"\u{1f600}\"" }, { id: "grün \"\u{1f600}\"", start: false, end: false }],
  [{ id: 0, start: true }, undefined],
  [{ id: "", start: true }, undefined]
]

const failure = (promise: Promise<unknown>): Promise<InferenceServerError> =>
  promise.then(() => assert.fail("it succeeded"), (error: InferenceServerError) => {
    assert.strictEqual(error.name, "InferenceServerError", String(error))
    return error
  })

layer(opened, { excludeTestServices: true })("steps of sequences", (it) => {
  for (const { name, step, textOnly } of ways) {
    it.effect(`${name}: arrive as they were sent`, () =>
      Effect.gen(function*() {
        const server = yield* Opened
        for (const [sent, arrived] of steps) {
          yield* Effect.promise(() => step(server, sent))
          assert.deepStrictEqual(server.fake.requests.at(-1)!.sequence, arrived)
        }
      }))

    it.effect(`${name}: are refused by the client where no sequence can have the id`, () =>
      Effect.gen(function*() {
        const server = yield* Opened
        const before = server.fake.requests.length
        for (const id of [-1, 1.5, 2 ** 53, -1n, 2n ** 64n]) {
          const { code, message } = yield* Effect.promise(() => failure(step(server, { id })))
          assert.strictEqual(code, "INVALID_ARG")
          assert.include(message, `sequence.id is ${id}; it takes text, or a whole number from 0 to 2^64 - 1`)
        }
        assert.strictEqual(server.fake.requests.length, before)
      }))

    it.effect(`${name}: fail once, and by their name, when their sequence is lost`, () =>
      Effect.gen(function*() {
        const server = yield* Opened
        const { fake } = server
        fake.work = Effect.fail(new SequenceLost({ message: "sequence 7 is lost", model: "echo", sequence: "7" }))
        const before = fake.requests.length
        const { code, message, retryable } = yield* Effect.promise(() => failure(step(server, { id: 7 }))).pipe(
          Effect.ensuring(Effect.sync(() => {
            fake.work = Effect.void
          }))
        )
        assert.deepStrictEqual(
          { code, message, retryable, tries: fake.requests.length - before },
          { code: textOnly ? "UNKNOWN" : "ABORTED", message: "sequence 7 is lost", retryable: false, tries: 1 }
        )
      }))
  }
})
