/** How the client over gRPC behaves where servers and networks do not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Result } from "effect"
import { InferenceServerError, tensor } from "../../../src/client/Client.ts"
import { connectGrpc, type GrpcOptions } from "../../../src/client/GrpcClient.ts"
import { connectRpc } from "../../../src/client/Rpc.ts"
import * as Fields from "../../../src/schema/proto/InferFields.ts"
import * as Status from "../../../src/schema/proto/StatusFields.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import { serve, type ServedCall } from "./GrpcServer.ts"
import * as Scripted from "./Scripted.ts"

const inputs = { X: tensor(new Float32Array([1, 2])) }

const good = encode(Fields.ModelInferResponse, {
  model_name: "m",
  model_version: "1",
  id: "7",
  parameters: {
    count: { int64_param: 3n },
    large: { uint64_param: 18446744073709551615n },
    word: { string_param: "w" }
  },
  outputs: [{ name: "Y", datatype: "FP32", shape: [2] }],
  raw_output_contents: [new Uint8Array(new Float32Array([1, 2]).buffer)]
})

type Answer = (call: ServedCall) => void

const ok = (message: Uint8Array): Answer => (call) => call.answer([message])
const status = (code: number, message: string, trailers: Readonly<Record<string, string>> = {}): Answer => (call) =>
  call.answer([], { status: code, trailers: { "grpc-message": message, ...trailers } })

/** A client of a server that answers in this order, the last answer again and again; what it was asked. */
const scripted = Effect.fnUntraced(function*(answers: ReadonlyArray<Answer>, options: GrpcOptions = {}) {
  const asked: Array<Buffer> = []
  const { port } = yield* serve((call) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]!
    const at = asked.length
    asked.push(Buffer.alloc(0))
    void call.messages().then(([message]) => {
      asked[at] = message?.bytes ?? Buffer.alloc(0)
      answer(call)
    })
  })
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => connectGrpc(`127.0.0.1:${port}`, { retry: { baseDelayMillis: 1 }, ...options })),
    (made) => Effect.promise(() => made.close())
  )
  return { asked, client }
})

const failing = (promise: Promise<unknown>): Effect.Effect<InferenceServerError> =>
  Effect.promise(() =>
    promise.then(() => assert.fail("it succeeded"), (thrown: unknown) => {
      if (thrown instanceof InferenceServerError) return thrown
      throw thrown
    })
  )

describe("the client over gRPC", () => {
  it.live("tries again what may succeed later, as the server wants it", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* scripted([
        status(14, "full", { "grpc-retry-pushback-ms": "2" }),
        status(14, "full"),
        ok(good)
      ])
      const { id, outputs, parameters } = yield* Effect.promise(() => client.infer("m", inputs))
      assert.deepStrictEqual([id, parameters], ["7", { count: 3, large: 18446744073709551615n, word: "w" }])
      assert.deepStrictEqual(outputs["Y"]!.data, new Float32Array([1, 2]))
      assert.strictEqual(asked.length, 3)
      const unwanted = yield* scripted([status(14, "never again", { "grpc-retry-pushback-ms": "-1" })])
      assert.isFalse((yield* failing(unwanted.client.infer("m", inputs))).retryable)
      assert.strictEqual(unwanted.asked.length, 1)
    }))

  it.live("never sends a request of a sequence, a load or an unload twice", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* scripted([status(14, "full")])
      yield* failing(client.infer("m", inputs, { sequence: { id: 1 } }))
      yield* failing(client.loadModel("m"))
      yield* failing(client.unloadModel("m"))
      assert.strictEqual(asked.length, 3)
    }))

  it.live("says in the client's words what a status means", () =>
    Effect.gen(function*() {
      for (
        const [code, expected] of [
          [2, "UNKNOWN"],
          [3, "INVALID_ARG"],
          [4, "DEADLINE_EXCEEDED"],
          [5, "NOT_FOUND"],
          [6, "ALREADY_EXISTS"],
          [7, "UNAUTHORIZED"],
          [8, "INVALID_ARG"],
          [12, "UNSUPPORTED"],
          [13, "INTERNAL"],
          [16, "UNAUTHORIZED"]
        ] as const
      ) {
        const { client } = yield* scripted([status(code, "why")])
        const thrown = yield* failing(client.infer("m", inputs))
        assert.deepStrictEqual([thrown.code, thrown.message, thrown.status], [expected, "why", undefined])
        assert.strictEqual(thrown.request, "/inference.GRPCInferenceService/ModelInfer")
      }
    }))

  it.live("sends what was asked for", () =>
    Effect.gen(function*() {
      const { asked, client } = yield* scripted([ok(good)])
      yield* Effect.promise(() =>
        client.infer("m", inputs, {
          id: "q",
          version: 2,
          outputs: ["Y", { name: "Z", classification: 3 }],
          priority: 1,
          queueTimeoutMicros: 5,
          parameters: { whole: 7, half: 0.5, flag: true, word: "w" },
          sequence: { id: 18446744073709551615n, end: true }
        })
      )
      const request = Result.getOrThrow(decode(Fields.ModelInferRequest, asked[0]!))
      assert.deepStrictEqual([request.model_name, request.model_version, request.id], ["m", "2", "q"])
      assert.deepStrictEqual(
        Object.fromEntries(
          Object.entries(request.parameters).map(([name, value]) => [
            name,
            Object.entries(value).find(([, one]) => one !== undefined)
          ])
        ),
        {
          whole: ["int64_param", 7n],
          half: ["double_param", 0.5],
          flag: ["bool_param", true],
          word: ["string_param", "w"],
          priority: ["uint64_param", 1n],
          timeout: ["int64_param", 5n],
          sequence_id: ["int64_param", -1n],
          sequence_start: ["bool_param", false],
          sequence_end: ["bool_param", true]
        }
      )
      assert.deepStrictEqual(
        request.outputs.map(({ name, parameters }) => [name, parameters["classification"]?.int64_param]),
        [
          ["Y", undefined],
          ["Z", 3n]
        ]
      )
      const thrown = yield* failing(client.infer("m", inputs, { parameters: { a: 18446744073709551615n } }))
      assert.include(thrown.message, "parameter 'a' is 18446744073709551615")
    }))

  it.live("takes tensors in typed fields, as some servers send them", () =>
    Effect.gen(function*() {
      const output = (name: string, datatype: string) => ({ name, datatype, shape: [2] })
      const { client } = yield* scripted([ok(encode(Fields.ModelInferResponse, {
        model_name: "m",
        outputs: [
          { ...output("a", "FP32"), contents: { fp32_contents: [0.5, -1] } },
          { ...output("b", "INT8"), contents: { int_contents: [-1, 2] } },
          { ...output("c", "UINT16"), contents: { uint_contents: [1, 65535] } },
          { ...output("d", "INT64"), contents: { int64_contents: [1n, -2n] } },
          { ...output("e", "BOOL"), contents: { bool_contents: [true, false] } },
          { ...output("f", "BYTES"), contents: { bytes_contents: [Buffer.from("x"), Buffer.from("y")] } }
        ]
      }))])
      const { outputs } = yield* Effect.promise(() => client.infer("m", inputs))
      assert.deepStrictEqual(Object.values(outputs).map(({ data }) => data), [
        new Float32Array([0.5, -1]),
        new Int8Array([-1, 2]),
        new Uint16Array([1, 65535]),
        new BigInt64Array([1n, -2n]),
        [true, false],
        ["x", "y"]
      ])
      const none = yield* scripted([ok(encode(Fields.ModelInferResponse, { outputs: [output("a", "FP32")] }))])
      assert.include((yield* failing(none.client.infer("m", inputs))).message, "came without contents")
    }))

  it.live("knows that a model is not ready, whichever way a server says so", () =>
    Effect.gen(function*() {
      const answer = (ready: boolean) => ok(encode(Status.ModelReadyResponse, { ready }))
      for (
        const [one, expected] of [
          [answer(true), true],
          [answer(false), false],
          [status(5, "not found"), false],
          [status(14, "not ready"), false]
        ] as const
      ) {
        const { client } = yield* scripted([one])
        assert.strictEqual(yield* Effect.promise(() => client.modelReady("m")), expected)
      }
      const { client } = yield* scripted([status(7, "no")])
      assert.strictEqual((yield* failing(client.modelReady("m"))).code, "UNAUTHORIZED")
    }))

  it.live("ends a call whose time is over", () =>
    Effect.gen(function*() {
      const { client } = yield* scripted([() => {}], { timeoutMillis: 20 })
      assert.strictEqual((yield* failing(client.infer("m", inputs))).code, "DEADLINE_EXCEEDED")
    }))

  it.live("says that nobody listens, or that it is closed", () =>
    Effect.gen(function*() {
      const { port } = yield* Effect.scoped(serve(() => {}))
      const client = connectGrpc(`127.0.0.1:${port}`, { retry: false })
      const thrown = yield* failing(client.infer("m", inputs))
      assert.deepStrictEqual([thrown.code, thrown.retryable], ["UNREACHABLE", true])
      assert.include(thrown.message, "ECONNREFUSED")
      yield* Effect.promise(() => client.close())
      assert.strictEqual((yield* failing(client.serverLive())).message, "the client is closed")
    }))
})

describe("the client over RPC", () => {
  it.live("says that nobody listens, or that something else does", () =>
    Effect.gen(function*() {
      const { url } = yield* Effect.scoped(Scripted.serve(Scripted.good))
      const gone = connectRpc(url, { retry: false })
      const thrown = yield* failing(gone.infer("m", inputs))
      assert.deepStrictEqual([thrown.code, thrown.request], ["UNREACHABLE", "rpc ModelInfer"])
      yield* Effect.promise(() => gone.close())
      const other = yield* Scripted.serve({ status: 404, body: "{\"error\":\"Not Found\"}" })
      const client = connectRpc(other.url, { retry: false })
      const refused = yield* failing(client.serverMetadata())
      assert.include(["UNREACHABLE", "UNEXPECTED_ANSWER"], refused.code)
      yield* Effect.promise(() => client.close())
    }))
})
