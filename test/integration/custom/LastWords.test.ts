/** Whom the words are told that a process says before its end: operators, and no client. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Option } from "effect"
import { connect, tensor } from "../../../src/client/Client.ts"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import type { InferenceClient } from "../../../src/client/InferenceClient.ts"
import { connectRpc } from "../../../src/client/Rpc.ts"
import { GrpcFrontend } from "../../../src/layers/frontend/GrpcFrontend.ts"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import * as Child from "../cli/Child.ts"
import { model, numbers } from "./Running.ts"

/** What the module says of the machine. */
const words = "/srv/models/weights.bin is not mapped"

/** Ends its process by a signal, or, at 1, by an error that nothing catches. */
const source = `import { writeSync } from "node:fs"
export default ({ X }) => new Promise(() => {
  if (new Float32Array(X.data.slice().buffer)[0] === 1) setTimeout(() => { throw new Error(${JSON.stringify(words)}) })
  else {
    writeSync(2, ${JSON.stringify(words)})
    process.kill(process.pid, "SIGKILL")
  }
})`

const failure = (client: InferenceClient, value: number) =>
  Effect.promise(async () => {
    try {
      await client.infer("m", { X: tensor(Float32Array.of(value), [1, 1]) })
    } catch (error) {
      return (error as Error).message
    }
    return "answered"
  })

describe.runIf(process.platform === "linux")("the last words of a process", () => {
  it.live("are for the index and the log, and for no client", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const folder = yield* Child.folder({
        m: model(`max_batch_size: 2 ${numbers}`, source)
      })
      const context = yield* Layer.build(Server.layer({
        httpAddress: "127.0.0.1",
        httpPort: 0,
        grpcAddress: "127.0.0.1",
        grpcPort: 0,
        allowMetrics: false,
        modelIsolation: "process",
        instanceBreakerLosses: 4,
        instanceBreakerPauseSecs: 300,
        modelRepository: [folder]
      }))
      const url = `http://127.0.0.1:${Option.getOrThrow(Context.getOption(context, HttpFrontend)).port}`
      const grpc = `127.0.0.1:${Option.getOrThrow(Context.getOption(context, GrpcFrontend)).port}`
      const clients = [
        connect(url, { retry: false }),
        connectGrpc(grpc, { retry: false }),
        connectRpc(url, { retry: false })
      ] as const
      const lost = yield* Effect.forEach([...clients, clients[0]], (client, i) => failure(client, i === 3 ? 1 : 0))
      for (const [i, message] of lost.entries()) {
        assert.include(message, "instance 'm_0' of model 'm' was lost while it ran the request: its process ")
        assert.include(message, i === 3 ? "met an error that nothing caught" : "was ended by SIGKILL")
        assert.include(message, "try again")
        assert.notInclude(message, "/srv")
      }
      for (const client of clients) {
        const message = yield* failure(client, 0)
        assert.match(message, /model 'm' is suspended after 4 losses .* the last was: its process met an error/)
        assert.notInclude(message, "/srv")
      }
      const [row] = yield* Effect.promise(() => clients[0].repositoryIndex())
      assert.include(row!.reason, words)
      assert.strictEqual(log.filter((line) => line.includes("was lost: ") && line.includes(words)).length, 4)
      for (const client of clients) yield* Effect.promise(() => Promise.resolve(client.close()))
    }).pipe(
      Effect.provide(Logger.layer([Logger.make(({ message }) => void log.push(String(message)))])),
      Effect.scoped
    )
  }, 60_000)
})
