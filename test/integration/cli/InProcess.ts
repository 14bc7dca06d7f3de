/**
 * Runs the command line in the process of the test: the words, the environment and the sockets of `Child`, without the second that a
 * process takes to load its modules. What is of a process, such as signals, is for `Child` to see.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Exit, Fiber, Runtime, type Scope } from "effect"
import * as Cli from "../../../src/layers/cli/Cli.ts"
import { telemetryOptions } from "../../../src/layers/PartOptions.ts"
import * as Server from "../../../src/layers/Server.ts"
import * as OtlpTelemetry from "../../../src/layers/telemetry/OtlpTelemetry.ts"
import type { Child } from "./Child.ts"
import { listening, serveWords, Transcript } from "./Transcript.ts"

/** A command that runs, or has ended with a code. */
export interface Running extends Pick<Child, "out" | "err" | "printed"> {
  readonly ended: Effect.Effect<number>
  /** Ends it as a signal does; the code. */
  readonly end: Effect.Effect<number>
}

interface Options {
  readonly variables?: Readonly<Record<string, string>>
}

/** Runs the command line with these words, until the scope closes. */
export const start = (
  words: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function*() {
    const transcript = new Transcript<number>()
    const sink = (stream: "out" | "err") => ({ write: (text: string) => transcript.add(stream, text) })
    const environment = Cli.environment(
      { stdout: sink("out"), stderr: sink("err"), env: options.variables ?? {} },
      {
        shutdown: { arm: () => Effect.void, teardown: Runtime.defaultTeardown },
        server: Server.layer,
        telemetry: (server, variables) => OtlpTelemetry.layer(telemetryOptions(server, variables)),
        check: Server.check
      }
    )
    const console: Console.Console = Object.assign(Object.create(globalThis.console), {
      log: (text: string) => transcript.add("out", `${text}\n`),
      error: (text: string) => transcript.add("err", `${text}\n`)
    })
    const fiber = yield* Effect.forkScoped(
      Cli.run(words, environment).pipe(
        Effect.provideService(Console.Console, console),
        Effect.provide(NodeServices.layer),
        Effect.onExit((exit) =>
          Effect.sync(() =>
            // As for a process, a signal is no failure.
            Runtime.defaultTeardown(Exit.isFailure(exit) && Exit.hasInterrupts(exit) ? Exit.void : exit, (code) =>
              transcript.close(code))
          )
        ),
        Effect.exit
      )
    )
    const { ended, err, out, printed } = transcript
    return { out, err, printed, ended, end: Effect.andThen(Fiber.interrupt(fiber), ended) }
  })

/** Runs a command to its end. */
export const run = (words: ReadonlyArray<string>, options: Options = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const running = yield* start(words, options)
    return { code: yield* running.ended, out: running.out(), err: running.err() }
  }))

/** Starts a server on a free port and waits until it listens. */
export const serve = (words: ReadonlyArray<string>, options: Options = {}) =>
  Effect.gen(function*() {
    const running = yield* start([...serveWords, ...words], options)
    return { ...running, url: yield* listening(running) }
  })
