/** A process that remembers what was written, and a server that serves what it is told. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Deferred, Effect, Layer, Result } from "effect"
import * as Cli from "../../src/layers/cli/Cli.ts"
import type * as Serve from "../../src/layers/cli/Serve.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { ServerOptions } from "../../src/schema/ServerOptions.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import type { IndexEntry, Model, ModelRepository } from "../../src/services/ModelRepository.ts"

export interface Recorded {
  out: string
  err: string
  /** Options that a server was started with. */
  started: ServerOptions | undefined
}

const sink = (write: (text: string) => void) => ({ write, on: () => undefined })

/** A loaded model of this config, whose queue is empty. */
export const model = (draft: ModelConfig.Draft): Model => {
  const config = ModelConfig.make(draft)
  return {
    name: config.name,
    version: 1,
    config,
    signature: ModelSignature.make(config),
    scheduler: {
      submit: () => Effect.die("not used"),
      depth: () => ({ waiting: 0, running: 0 })
    } as Model["scheduler"],
    statistics: new Books(config.name, 1, () => 0),
    healthy: () => true
  }
}

/** A server that holds these models and ends once it was asked for them, so that the command under test ends too. */
export const serverOf = (models: ReadonlyArray<Model>): Layer.Layer<InferenceServer> => {
  const index: ReadonlyArray<IndexEntry> = models.map(({ name }) => ({ name, version: "1", state: "READY" }))
  const repository = {
    index: Effect.succeed(index),
    lookup: (name: string) => Result.succeed(models.find((one) => one.name === name)!)
  } as unknown as ModelRepository["Service"]
  return Layer.succeed(InferenceServer, { repository } as unknown as InferenceServer["Service"])
}

/** Runs the command line. `serve` is interrupted once it has greeted. */
export const run = Effect.fnUntraced(function*(
  words: ReadonlyArray<string>,
  parts: {
    readonly variables?: Readonly<Record<string, string>>
    readonly server?: Serve.ServerLayer
    readonly telemetry?: Serve.TelemetryLayer
    readonly check?: Cli.Environment["check"]
  } = {}
) {
  const recorded: Recorded = { out: "", err: "", started: undefined }
  const greeted = yield* Deferred.make<void>()
  const out = (text: string) => {
    recorded.out += text
    if (text.includes("\nListening for") || text.includes("\nNot listening")) {
      Deferred.doneUnsafe(greeted, Effect.void)
    }
  }
  const err = (text: string) => {
    recorded.err += text
  }
  const environment = Cli.environment(
    { stdout: sink(out), stderr: sink(err), env: parts.variables ?? {} },
    {
      shutdown: { arm: () => Effect.void, teardown: () => {} },
      server: (options, hooks) => {
        recorded.started = options
        return parts.server === undefined ? serverOf([]) : parts.server(options, hooks)
      },
      telemetry: parts.telemetry ?? (() => Layer.empty),
      check: parts.check ?? (() => Effect.succeed([]))
    }
  )
  const console: Console.Console = Object.assign(Object.create(globalThis.console), {
    log: (text: string) => out(`${text}\n`),
    error: (text: string) => err(`${text}\n`)
  })
  const exit = yield* Cli.run(words, environment).pipe(
    Effect.raceFirst(Deferred.await(greeted)),
    Effect.provideService(Console.Console, console),
    Effect.provide(NodeServices.layer),
    Effect.exit
  )
  return { ...recorded, exit }
})
