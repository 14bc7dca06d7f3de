/** API keys and bounds of clients over Effect RPC. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as ConfiguredAccess from "../../../src/layers/access/ConfiguredAccess.ts"
import * as Operations from "../../../src/schema/Operations.ts"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import { start } from "../http/Wire.ts"
import { echo, httpClient, jsonType, message, post, socketClient } from "../rpc/Client.ts"
import * as Keys from "./Keys.ts"

const started = Effect.fnUntraced(function*(options: ConfiguredAccess.Options = {}) {
  const keysFile = yield* Keys.fileOf()
  return yield* Keys.guarded({ keysFile, ...options }, start())
})

const failed = <A, E extends { readonly _tag: string; readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag, message }) => `${_tag}: ${message}`)

/** Payloads that name the model `echo`, where their procedure takes one. */
const payloadOf = (name: string): unknown => {
  const model = { model: "echo" }
  if (name === "ModelInfer" || name === "ModelStreamInfer") return { ...model, inputs: [] }
  return ["ServerLive", "ServerReady", "ServerMetadata"].includes(name) ? null : model
}

describe("API keys over RPC", () => {
  it.live("are wanted for every procedure that is not open, and each is refused beyond its scope", () =>
    Effect.gen(function*() {
      const { port } = yield* started()
      for (const name of InferenceRpcs.requests.keys()) {
        const { about, need } = Operations.ofProcedure(name)
        const said = (headers: Record<string, string>) =>
          Effect.map(
            post(port, message(1, name, payloadOf(name)), jsonType, headers),
            ({ text }) => /Unauthenticated|Forbidden/.exec(text)?.[0]
          )
        assert.strictEqual(yield* said({}), need === "probe" ? undefined : "Unauthenticated", name)
        if (about === "model" || about === "server") {
          assert.strictEqual(yield* said(Keys.apiKey("other")), "Forbidden", name)
        }
        assert.strictEqual(yield* said(Keys.apiKey("all")), undefined, name)
      }
    }))

  it.live("come with the POST or with each request of a WebSocket, and say what they may not", () =>
    Effect.gen(function*() {
      const { port } = yield* started()
      const none = yield* httpClient(port)
      assert.include(yield* failed(none.ServerMetadata()), "Unauthenticated: This server wants an API key.")
      const reader = yield* httpClient(port, Keys.bearer("reader"))
      assert.strictEqual((yield* reader.ModelMetadata({ model: "echo" })).name, "echo")
      assert.deepStrictEqual((yield* reader.RepositoryIndex({})).map(({ name }) => name), ["echo"])
      assert.deepStrictEqual(yield* (yield* httpClient(port, Keys.bearer("other"))).ModelStatistics({}), [])
      assert.strictEqual(
        yield* failed(reader.ModelInfer(echo())),
        "Forbidden: The API key 'reader' may not 'infer' with any model."
      )
      assert.strictEqual(
        yield* failed(reader.LogSettings({ change: { info: true } })),
        "Forbidden: The API key 'reader' may not 'admin' with the whole server, for which it needs a scope of the models '*'."
      )
      const socket = yield* socketClient(port)
      const all = RpcClient.withHeaders(Keys.bearer("all"))
      assert.strictEqual((yield* all(socket.ModelInfer(echo()))).modelName, "echo")
      assert.include(yield* failed(socket.ServerMetadata()), "Unauthenticated")
      assert.include(yield* failed(RpcClient.withHeaders(Keys.bearer("ended"))(socket.ServerMetadata())), "has expired")
    }))

  it.live("of a message stand for those of its connection, in whichever header", () =>
    Effect.gen(function*() {
      const { port } = yield* started()
      const ask = (own: ReadonlyArray<readonly [string, string]>, connection: Record<string, string>) =>
        Effect.map(
          post(
            port,
            `${JSON.stringify({ _tag: "Request", id: 1, tag: "LogSettings", payload: {}, headers: own })}\n`,
            jsonType,
            connection
          ),
          ({ text }) => /Success|The API key '\w+'|does not know the API key/.exec(text)?.[0]
        )
      assert.strictEqual(yield* ask([], Keys.bearer("all")), "Success")
      assert.strictEqual(yield* ask([["X-API-Key", Keys.textOf("other")]], Keys.bearer("all")), "The API key 'other'")
      assert.strictEqual(
        yield* ask([["Authorization", `Bearer ${Keys.textOf("other")}`]], Keys.apiKey("all")),
        "The API key 'other'"
      )
      assert.strictEqual(yield* ask([["x-api-key", "none"]], Keys.bearer("all")), "does not know the API key")
      assert.strictEqual(yield* ask([["x-api-key", Keys.textOf("all")]], Keys.bearer("other")), "Success")
    }))

  it.live("are not got round by headers of a message that only a transport may send", () =>
    Effect.gen(function*() {
      const { port } = yield* started({
        keysFile: "",
        quota: { requests: 2, windowSeconds: 1_000_000 },
        trustedProxies: [{ address: "192.0.2.0", prefix: 24 }]
      })
      const ask = (i: number) => {
        const headers = [[":peer", `198.51.100.${i}`], ["x-forwarded-for", `198.51.100.${i}`], [
          ":forwarded-for",
          "192.0.2.1"
        ]]
        return post(
          port,
          `${JSON.stringify({ _tag: "Request", id: i, tag: "ServerMetadata", payload: null, headers })}\n`
        )
      }
      const texts = yield* Effect.forEach([1, 2, 3], (i) =>
        Effect.map(ask(i), ({ text }) => text.includes("RateLimited")))
      assert.deepStrictEqual(texts, [false, false, true])
    }))
})
