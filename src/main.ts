/** Process entry: gives the command line the server, and runs what it says. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import * as Cli from "./layers/cli/Cli.ts"
import * as Shutdown from "./layers/cli/Shutdown.ts"
import { telemetryOptions } from "./layers/PartOptions.ts"
import * as OtlpTelemetry from "./layers/telemetry/OtlpTelemetry.ts"

const shutdown = Shutdown.make()

// Only the commands that need the server wait until its modules are loaded.
const server = Effect.promise(() => import("./layers/Server.ts"))

Cli.run(
  process.argv.slice(2),
  Cli.environment(process, {
    shutdown,
    server: (options, hooks) => Layer.unwrap(Effect.map(server, ({ layer }) => layer(options, hooks))),
    telemetry: (options, variables) => OtlpTelemetry.layer(telemetryOptions(options, variables)),
    check: (options, hooks) => Effect.flatMap(server, ({ check }) => check(options, hooks))
  })
).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ teardown: shutdown.teardown })
)
