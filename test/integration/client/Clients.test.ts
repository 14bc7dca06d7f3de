/** Every client against one running server: the same calls, the same answers, the same errors. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { layer } from "@effect/vitest"
import { Effect, ManagedRuntime } from "effect"
import { FetchHttpClient } from "effect/http"
import { connect, type InferenceClient } from "../../../src/client/Client.ts"
import * as EffectClient from "../../../src/client/EffectClient.ts"
import { connectGrpc, type StreamingClient } from "../../../src/client/GrpcClient.ts"
import { promises } from "../../../src/client/internal/effect/Promises.ts"
import { connectRpc } from "../../../src/client/Rpc.ts"
import { control } from "../../suites/clientControlSuite.ts"
import { cases, type Traits } from "../../suites/clientSuite.ts"
import { streamCases } from "../../suites/streamSuite.ts"
import { layerWith, Running } from "./Running.ts"

interface Implementation {
  readonly name: string
  readonly traits: Traits
  readonly connect: (server: Running["Service"]) => Promise<InferenceClient>
}

const all: Traits = { half: true, statuses: true }

const implementations: ReadonlyArray<Implementation> = [
  { name: "HTTP", traits: all, connect: async ({ url }) => connect(url) },
  {
    name: "HTTP, compressed",
    traits: all,
    connect: async ({ url }) => connect(url, { compression: { request: "gzip", response: "deflate" } })
  },
  {
    name: "HTTP, JSON",
    traits: { ...all, half: false },
    connect: async ({ url }) => connect(url, { binary: false })
  },
  {
    name: "HTTP, Effect",
    traits: all,
    connect: async ({ url }) => promises(EffectClient.make(url), ManagedRuntime.make(FetchHttpClient.layer))
  },
  {
    name: "HTTP, Effect on node:http, compressed",
    traits: all,
    connect: async ({ url }) =>
      promises(
        EffectClient.make(url, { compression: { request: "deflate", response: "gzip" } }),
        ManagedRuntime.make(NodeHttpClient.layerNodeHttp)
      )
  },
  { name: "gRPC", traits: { ...all, statuses: false }, connect: async ({ grpc }) => connectGrpc(grpc) },
  {
    name: "gRPC, compressed",
    traits: { ...all, statuses: false },
    connect: async ({ grpc }) => connectGrpc(grpc, { compression: "gzip" })
  },
  { name: "RPC", traits: { ...all, statuses: false }, connect: async ({ url }) => connectRpc(url) }
]

const streaming: ReadonlyArray<{
  readonly name: string
  readonly connect: (server: Running["Service"]) => StreamingClient
}> = [
  { name: "gRPC", connect: ({ grpc }) => connectGrpc(grpc) },
  { name: "RPC", connect: ({ url }) => connectRpc(url) }
]

layer(layerWith(), { excludeTestServices: true })("clients", (it) => {
  for (const { connect, name, traits } of implementations) {
    for (const [title, run] of cases) {
      it.effect(`${name}: ${title}`, () =>
        Effect.gen(function*() {
          const server = yield* Running
          yield* Effect.acquireUseRelease(
            Effect.promise(() => connect(server)),
            (client) => Effect.promise(() => run(client, traits)),
            (client) => Effect.promise(() => client.close())
          )
        }))
    }
  }

  for (const { connect, name } of streaming) {
    for (const [title, run] of streamCases) {
      it.effect(`${name}, stream: ${title}`, () =>
        Effect.gen(function*() {
          const server = yield* Running
          yield* Effect.acquireUseRelease(
            Effect.sync(() => connect(server)),
            (client) => Effect.promise(() => run(client)),
            (client) => Effect.promise(() => client.close())
          )
        }))
    }
  }
})

layer(layerWith({ modelControlMode: "explicit" }), { excludeTestServices: true })("clients, models on demand", (it) => {
  for (const { connect, name } of implementations) {
    it.effect(`${name}: load and unload models, and single versions`, () =>
      Effect.gen(function*() {
        const server = yield* Running
        yield* Effect.acquireUseRelease(
          Effect.promise(() => connect(server)),
          (client) => Effect.promise(() => control(client)),
          (client) => Effect.promise(() => client.close())
        )
      }))
  }
})
