/** API keys and bounds of clients over gRPC. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Operations from "../../../src/schema/Operations.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import * as Client from "../grpc/Client.ts"
import { ask, inferBytes, inferRequest, start } from "../grpc/Frontend.ts"
import * as Keys from "./Keys.ts"

const started = Effect.fnUntraced(function*(entries: ReadonlyArray<unknown> = Keys.common) {
  const keysFile = yield* Keys.fileOf(entries)
  const server = yield* Keys.guarded({ keysFile }, start())
  return { ...server, client: yield* Client.connect(server.port) }
})

/** A request that names the model `echo`, as far as its message can. */
const named = (name: string) =>
  ["TraceSetting", "ModelInfer", "RepositoryModelLoad", "RepositoryModelUnload"].includes(name)
    ? { model_name: "echo" }
    : { name: "echo" }

describe("API keys over gRPC", () => {
  it.live("are wanted for every method that is not open, and each is refused beyond its scope", () =>
    Effect.gen(function*() {
      const { client } = yield* started()
      let seen = 0
      for (const { name } of InferenceService.rpcs) {
        const { about, need } = Operations.ofMethod(`/inference.GRPCInferenceService/${name}`)
        const status = (id: string | undefined) =>
          Effect.map(
            name === "ModelStreamInfer"
              ? Effect.suspend(() => {
                const call = client.begin(name, id === undefined ? {} : Keys.apiKey(id))
                call.halfClose()
                return Effect.map(call.end, (ended) => `${ended.status}`)
              })
              : ask(client, name, named(name), id === undefined ? {} : Keys.apiKey(id)),
            (answer) => typeof answer === "string" ? Number(answer.split(" ")[0]) : 0
          )
        const bare = yield* status(undefined)
        if (need === "probe") assert.notStrictEqual(bare, 16, name)
        else assert.strictEqual(bare, 16, name)
        // The messages of a stream are looked at one by one.
        if (name !== "ModelStreamInfer" && (about === "model" || about === "server")) {
          assert.strictEqual(yield* status("other"), 7, name)
        }
        assert.notInclude([7, 8, 16], yield* status("all"), name)
        seen++
      }
      assert.strictEqual(seen, InferenceService.rpcs.length)
    }))

  it.live("say what they may not, tell changes of settings from questions, and see what they may read", () =>
    Effect.gen(function*() {
      const { client } = yield* started([...Keys.common, Keys.entry("viewer", ["*"], ["read"])])
      assert.strictEqual(
        yield* ask(client, "ModelInfer", inferRequest([1]), Keys.bearer("reader")),
        "7 The API key 'reader' may not 'infer' with any model."
      )
      assert.strictEqual(
        yield* ask(client, "ModelMetadata", { name: "stats" }, Keys.bearer("reader")),
        "7 The API key 'reader' may not 'read' with model 'stats'."
      )
      assert.isObject(yield* ask(client, "LogSettings", {}, Keys.bearer("viewer")))
      assert.strictEqual(
        yield* ask(client, "LogSettings", { settings: { log_info: { bool_param: true } } }, Keys.bearer("viewer")),
        "7 The API key 'viewer' may not 'admin' with the whole server, for which it needs a scope of the models '*'."
      )
      assert.strictEqual(
        yield* ask(
          client,
          "TraceSetting",
          { settings: { trace_rate: { value: ["1"] } }, model_name: "echo" },
          Keys.bearer("viewer")
        ),
        "7 The API key 'viewer' may not 'admin' with model 'echo'."
      )
      const index = yield* ask(client, "RepositoryIndex", {}, Keys.bearer("reader"))
      assert.deepStrictEqual(typeof index === "string" ? index : index.models.map(({ name }) => name), ["echo"])
      const stats = yield* ask(client, "ModelStatistics", {}, Keys.bearer("other"))
      assert.deepStrictEqual(typeof stats === "string" ? stats : stats.model_stats, [])
    }))

  it.live("are asked for each message of a stream, whose bounds count them", () =>
    Effect.gen(function*() {
      const rate = { requestsPerSecond: 0.001, burst: 2 }
      const { client, held } = yield* started([Keys.entry("streamer", ["echo"], ["infer"], { rate })])
      const call = client.begin("ModelStreamInfer", Keys.bearer("streamer"))
      call.send(inferBytes([1]))
      call.send(inferBytes([1], { model_name: "stats" }))
      call.send(inferBytes([1]))
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      const texts = call.messages.map((message) => message.toString("latin1"))
      assert.lengthOf(texts, 3)
      assert.notInclude(texts[0]!, "may not")
      assert.include(texts[1]!, "The API key 'streamer' may not 'infer' with model 'stats'.")
      assert.include(texts[2]!, "2 requests within 2000 s")
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("are told when to try again", () =>
    Effect.gen(function*() {
      const { client } = yield* started([
        Keys.entry("slow", ["*"], ["read"], { rate: { requestsPerSecond: 0.001, burst: 1 } })
      ])
      assert.isObject(yield* ask(client, "ServerMetadata", {}, Keys.bearer("slow")))
      const { status, trailers } = yield* client.unary("ServerMetadata", new Uint8Array(0), Keys.bearer("slow"))
      assert.strictEqual(status, 8)
      assert.isAtLeast(Number(trailers["grpc-retry-pushback-ms"]), 990_000)
      assert.strictEqual(trailers["ratelimit-policy"], "\"rate\";q=1;w=1000")
      assert.isAtLeast(Number(trailers["retry-after"]), 990)
    }))
})
