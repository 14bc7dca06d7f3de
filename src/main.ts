/** Process entry: gives the command line the server, and runs what it says. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import * as Cli from "./layers/cli/Cli.ts"
import * as Shutdown from "./layers/cli/Shutdown.ts"
import { telemetryOptions } from "./layers/PartOptions.ts"
import * as Server from "./layers/Server.ts"
import * as OtlpTelemetry from "./layers/telemetry/OtlpTelemetry.ts"

const shutdown = Shutdown.make()

Cli.run(
  process.argv.slice(2),
  Cli.environment(process, {
    shutdown,
    server: Server.layer,
    telemetry: (options, variables) => OtlpTelemetry.layer(telemetryOptions(options, variables)),
    check: Server.check
  })
).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ teardown: shutdown.teardown })
)
