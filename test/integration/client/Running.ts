/** A server on the repository of the clients, in this process. */
import { Context, Effect, Layer, Option } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as LogControl from "../../../src/layers/cli/internal/log/LogControl.ts"
import { GrpcFrontend } from "../../../src/layers/frontend/GrpcFrontend.ts"
import { HttpFrontend } from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Server from "../../../src/layers/Server.ts"
import * as ServerOptions from "../../../src/schema/ServerOptions.ts"
import { LogSettings } from "../../../src/services/LogSettings.ts"
import { write } from "../../clients/repository.ts"

export class Running extends Context.Service<Running, {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `127.0.0.1:PORT` */
  readonly grpc: string
}>()("galatea/test/integration/client/Running") {}

const repository = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "galatea-client-"))
    write(folder)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export const layerWith = (
  options: Partial<ServerOptions.ServerOptions> = {}
): Layer.Layer<Running, Server.StartFailure> =>
  Layer.effect(
    Running,
    Effect.gen(function*() {
      const given = ServerOptions.make({
        modelRepository: [yield* repository],
        httpAddress: "127.0.0.1",
        httpPort: 0,
        grpcAddress: "127.0.0.1",
        grpcPort: 0,
        allowMetrics: false,
        ...options
      })
      const context = yield* Effect.provideService(
        Layer.build(Server.layer(given)),
        LogSettings,
        LogControl.make(given)
      )
      const http = Option.getOrThrow(Context.getOption(context, HttpFrontend))
      const grpc = Option.getOrThrow(Context.getOption(context, GrpcFrontend))
      return { url: `http://127.0.0.1:${http.port}`, grpc: `127.0.0.1:${grpc.port}` }
    })
  )
