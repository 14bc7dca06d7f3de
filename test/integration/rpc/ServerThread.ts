/** A worker thread that serves the fake models over RPC. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { Effect, Layer } from "effect"
import * as RpcServer from "effect/rpc/RpcServer"
import * as RpcFrontend from "../../../src/layers/frontend/RpcFrontend.ts"
import { Fake } from "../../frontend/http/Fakes.ts"

const fake = new Fake()
// A request with this id waits until whoever asked goes away.
fake.work = Effect.suspend(() => fake.requests.at(-1)?.id === "slow" ? Effect.never : Effect.void)
// Tells in the index how many requests were withdrawn.
const index = setInterval(() => {
  fake.index = [{ name: `interrupted ${fake.interrupted}, released ${fake.released}` }]
}, 5)
index.unref()

RpcFrontend.layer({ maxInflightRequests: 2 }).pipe(
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.provide(fake.layer),
  Layer.launch,
  NodeRuntime.runMain
)
