/** How the HTTP client behaves where servers and networks do not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { setImmediate } from "node:timers/promises"
import { gunzipSync, gzipSync } from "node:zlib"
import { connect, type HttpOptions, InferenceServerError, tensor } from "../../../src/client/Client.ts"
import * as EffectClient from "../../../src/client/EffectClient.ts"
import { error, good, type Scripted, serve } from "./Scripted.ts"

const inputs = { X: tensor(new Float32Array([1, 2])) }
const full = error(503, "Exceeds maximum queue size", { "Retry-After": "0" })

const client = ({ url }: Scripted, options: HttpOptions = {}) =>
  connect(url, { retry: { baseDelayMillis: 1 }, ...options })

const failing = <A>(promise: Promise<A>): Effect.Effect<InferenceServerError> =>
  Effect.promise(() =>
    promise.then(() => assert.fail("it succeeded"), (thrown: unknown) => {
      if (thrown instanceof InferenceServerError) return thrown
      throw thrown
    })
  )

describe("the HTTP client", () => {
  it.live("tries again what may succeed later", () =>
    Effect.gen(function*() {
      const server = yield* serve(full, "break", error(502, "no upstream"), good)
      const { outputs } = yield* Effect.promise(() => client(server).infer("m", inputs, { outputs: ["Y"] }))
      assert.deepStrictEqual(outputs.Y.data, new Float32Array([1, 2]))
      assert.strictEqual(server.asked.length, 4)
      assert.isTrue(server.asked.every(({ body }) => body.equals(server.asked[0]!.body)), "the same request each time")
    }))

  it.live("gives up after so many tries, with the last error", () =>
    Effect.gen(function*() {
      const server = yield* serve(full)
      const thrown = yield* failing(client(server, { retry: { attempts: 3, baseDelayMillis: 1 } }).infer("m", inputs))
      assert.deepStrictEqual([thrown.message, thrown.code, thrown.status, thrown.retryable], [
        "Exceeds maximum queue size",
        "UNAVAILABLE",
        503,
        true
      ])
      assert.strictEqual(server.asked.length, 3)
    }))

  it.live("never sends a request of a sequence, a load or an unload twice, nor what failed for good", () =>
    Effect.gen(function*() {
      const server = yield* serve(full)
      const one = client(server)
      yield* failing(one.infer("m", inputs, { sequence: { id: 1 } }))
      yield* failing(one.loadModel("m"))
      yield* failing(one.unloadModel("m"))
      assert.strictEqual(server.asked.length, 3)
      const wrong = yield* serve(error(400, "wrong"))
      yield* failing(client(wrong).infer("m", inputs))
      yield* failing(client(server, { retry: false }).infer("m", inputs))
      assert.deepStrictEqual([wrong.asked.length, server.asked.length], [1, 4])
    }))

  it.live("does not begin a pause that ends after the time that the caller waits", () =>
    Effect.gen(function*() {
      const server = yield* serve(error(503, "not ready", { "Retry-After": "20" }))
      const thrown = yield* failing(client(server).infer("m", inputs, { timeoutMillis: 19_000 }))
      assert.deepStrictEqual([thrown.message, thrown.retryAfterMillis], ["not ready", 20_000])
      assert.strictEqual(server.asked.length, 1)
    }))

  it.live("says that nobody listens, after trying again", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(serve(good))
      const thrown = yield* failing(client(gone).infer("m", inputs))
      assert.strictEqual(thrown.message, `no answer from ${gone.url}: ECONNREFUSED`)
      assert.deepStrictEqual([thrown.code, thrown.retryable, thrown.status], ["UNREACHABLE", true, undefined])
    }))

  it.live("ends a call whose time is over, and tells the server how long it waits", () =>
    Effect.gen(function*() {
      const server = yield* serve("hold")
      const thrown = yield* failing(client(server, { timeoutMillis: 400 }).infer("m", inputs))
      assert.strictEqual(thrown.message, "POST /v2/models/m/infer was not answered within 400 ms")
      assert.strictEqual(thrown.code, "DEADLINE_EXCEEDED")
      const told = Number(server.asked[0]?.headers["x-request-timeout"])
      assert.isTrue(told > 0 && told <= 400)
      yield* Effect.promise(() => server.left(1))
    }))

  it.live("aborts what is in flight when its caller, or the client's owner, wants it", () =>
    Effect.gen(function*() {
      const server = yield* serve("hold")
      const reason = new Error("enough")
      const caller = new AbortController()
      const call = client(server).infer("m", inputs, { signal: caller.signal }).catch((thrown) => thrown)
      yield* Effect.promise(() => server.arrived(1))
      caller.abort(reason)
      assert.strictEqual(yield* Effect.promise(() => call), reason)

      const owner = new AbortController()
      const owned = client(server, { signal: owner.signal }).infer("m", inputs).catch((thrown) => thrown)
      yield* Effect.promise(() => server.arrived(2))
      owner.abort(reason)
      assert.strictEqual(yield* Effect.promise(() => owned), reason)

      const closing = client(server)
      const closed = failing(closing.infer("m", inputs))
      const ended = yield* Effect.forkChild(closed, { startImmediately: true })
      yield* Effect.promise(() => server.arrived(3))
      yield* Effect.promise(() => closing.close())
      assert.strictEqual((yield* Fiber.join(ended)).message, "the client is closed")
      assert.strictEqual((yield* failing(closing.serverMetadata())).message, "the client is closed")
      yield* Effect.promise(() => server.left(3))
    }))

  it.live("stops waiting for the next try when it is aborted", () =>
    Effect.gen(function*() {
      const server = yield* serve(error(503, "full", { "Retry-After": "30" }))
      const caller = new AbortController()
      const call = client(server).infer("m", inputs, { signal: caller.signal }).catch((thrown) => thrown)
      yield* Effect.promise(() => server.arrived(1))
      caller.abort(new Error("enough"))
      assert.strictEqual(((yield* Effect.promise(() => call)) as Error).message, "enough")
    }))

  it.live("sends the headers of the client and of the call, and asks for no compression", () =>
    Effect.gen(function*() {
      const server = yield* serve(good)
      const one = client(server, { headers: { Authorization: "Bearer a", "X-Tenant": "b" } })
      yield* Effect.promise(() => one.infer("m", inputs, { headers: { "x-tenant": "c" } }))
      const { headers, method, url } = server.asked[0]!
      assert.deepStrictEqual([method, url], ["POST", "/v2/models/m/infer"])
      assert.deepStrictEqual([headers.authorization, headers["x-tenant"], headers["accept-encoding"]], [
        "Bearer a",
        "c",
        "identity"
      ])
      assert.isUndefined(headers["x-request-timeout"])
    }))

  it.live("compresses requests and takes compressed answers where it is told to", () =>
    Effect.gen(function*() {
      const { body, headers } = good as { readonly body: Buffer; readonly headers: Record<string, string> }
      const packed = { headers: { ...headers, "Content-Encoding": "gzip" }, body: gzipSync(body) }
      const plain = yield* serve(good)
      const server = yield* serve(packed)
      const compression = { request: "gzip", response: "gzip" } as const
      yield* Effect.promise(() => client(plain).infer("m", inputs))
      const { outputs } = yield* Effect.promise(() => client(server, { compression }).infer("m", inputs))
      assert.deepStrictEqual(outputs["Y"]!.data, new Float32Array([1, 2]))
      const [asked] = server.asked
      assert.deepStrictEqual([asked!.headers["content-encoding"], asked!.headers["accept-encoding"]], ["gzip", "gzip"])
      assert.isTrue(gunzipSync(asked!.body).equals(plain.asked[0]!.body))
    }))

  it.live("asks with the paths and bodies of the protocol", () =>
    Effect.gen(function*() {
      const server = yield* serve({ body: "[]" }, { body: "[]" }, {})
      const one = client(server)
      yield* Effect.promise(() => one.repositoryIndex())
      yield* Effect.promise(() => one.repositoryIndex({ readyOnly: true }))
      yield* Effect.promise(() =>
        one.loadModel("a/b", { config: { max_batch_size: 4 }, files: { "1/model.onnx": Uint8Array.of(1, 2, 3) } })
      )
      yield* Effect.promise(() => one.loadModel("m"))
      yield* Effect.promise(() => one.unloadModel("m", { unloadDependents: true }))
      yield* Effect.promise(() => one.modelReady("m", { version: 3 }))
      assert.deepStrictEqual(server.asked.map(({ body, method, url }) => `${method} ${url} ${body.toString()}`), [
        "POST /v2/repository/index {}",
        "POST /v2/repository/index {\"ready\":true}",
        "POST /v2/repository/models/a%2Fb/load {\"parameters\":{\"config\":\"{\\\"max_batch_size\\\":4}\",\"file:1/model.onnx\":\"AQID\"}}",
        "POST /v2/repository/models/m/load {}",
        "POST /v2/repository/models/m/unload {\"parameters\":{\"unload_dependents\":true}}",
        "GET /v2/models/m/versions/3/ready "
      ])
    }))

  it.live("reads dimensions that come as strings, and refuses what is no metadata", () =>
    Effect.gen(function*() {
      const server = yield* serve(
        {
          body:
            "{\"name\":\"m\",\"inputs\":[{\"name\":\"X\",\"datatype\":\"FP32\",\"shape\":[\"-1\",\"3\"]}],\"outputs\":[]}"
        },
        { body: "{}" },
        { body: "<html>" }
      )
      const one = client(server)
      assert.deepStrictEqual(yield* Effect.promise(() => one.modelMetadata("m")), {
        name: "m",
        versions: [],
        platform: "",
        inputs: [{ name: "X", datatype: "FP32", shape: [-1, 3] }],
        outputs: []
      })
      assert.strictEqual((yield* failing(one.modelMetadata("m"))).code, "UNEXPECTED_ANSWER")
      assert.strictEqual((yield* failing(one.modelMetadata("m"))).code, "UNEXPECTED_ANSWER")
    }))

  it("refuses addresses of no server", () => {
    for (const url of ["", "ftp://host", ":::"]) {
      assert.throws(() => connect(url), `'${url}' is no address of a server, such as http://localhost:8000`)
    }
    assert.throws(() => connect("http://me:secret@host"), /holds a user name; send it as a header/)
  })
})

describe("the Effect client", () => {
  const make = (url: string, options: EffectClient.Options = {}) =>
    Effect.provide(EffectClient.make(url, options), FetchHttpClient.layer)

  it.effect("waits for the next try on the clock of the program", () =>
    Effect.gen(function*() {
      const server = yield* serve(error(503, "full", { "Retry-After": "30" }), good)
      const one = yield* make(server.url)
      const call = yield* Effect.forkChild(one.infer("m", inputs))
      yield* Effect.promise(() => server.arrived(1))
      for (let i = 0; i < 20; i++) yield* Effect.promise(() => setImmediate())
      yield* TestClock.adjust("29 seconds")
      for (let i = 0; i < 20; i++) yield* Effect.promise(() => setImmediate())
      assert.strictEqual(server.asked.length, 1)
      while (server.asked.length < 2) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => setImmediate())
      }
      assert.deepStrictEqual((yield* Fiber.join(call)).outputs["Y"]!.data, new Float32Array([1, 2]))
    }))

  it.effect("fails with a typed error when the time is over", () =>
    Effect.gen(function*() {
      const server = yield* serve("hold")
      const one = yield* make(server.url, { timeout: "2 seconds" })
      const call = yield* Effect.forkChild(Effect.flip(one.infer("m", inputs)))
      yield* Effect.promise(() => server.arrived(1))
      yield* TestClock.adjust("2 seconds")
      const { _tag, code, message } = yield* Fiber.join(call)
      assert.deepStrictEqual([_tag, code], ["InferenceServerError", "DEADLINE_EXCEEDED"])
      assert.strictEqual(message, "POST /v2/models/m/infer was not answered within 2000 ms")
      assert.strictEqual(server.asked[0]!.headers["x-request-timeout"], "2000.000")
      yield* Effect.promise(() => server.left(1))
    }))

  it.effect("aborts the request when it is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* serve("hold")
      const one = yield* make(server.url)
      const call = yield* Effect.forkChild(one.infer("m", inputs))
      yield* Effect.promise(() => server.arrived(1))
      yield* Fiber.interrupt(call)
      yield* Effect.promise(() => server.left(1))
    }))

  it.effect("is a service, and refuses addresses of no server", () =>
    Effect.gen(function*() {
      const server = yield* serve({ body: "{\"name\":\"triton\",\"version\":\"2\",\"extensions\":[\"statistics\"]}" })
      const metadata = yield* Effect.flatMap(EffectClient.InferenceClient, (one) => one.serverMetadata()).pipe(
        Effect.provide(Layer.provide(EffectClient.layer(server.url), FetchHttpClient.layer))
      )
      assert.deepStrictEqual(metadata, { name: "triton", version: "2", extensions: ["statistics"] })
      assert.strictEqual((yield* Effect.flip(make("ftp://host"))).code, "INVALID_ARG")
    }))
})
