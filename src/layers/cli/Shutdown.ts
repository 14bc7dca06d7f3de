/**
 * What SIGINT and SIGTERM do: the first begins a graceful end, the second ends the process at once.
 *
 * Source: model-config §1.14 and §0.0: exit 0 as soon as the work in flight is done, 1 when
 * `--exit-timeout-secs` after the drain delay are over.
 */
import { Cause, Effect, Exit, Runtime } from "effect"

/** @category models */
export interface Shutdown {
  /** From now on a signal ends the process gracefully. `onSignal` is told once, when the first arrives. */
  readonly arm: (options: {
    /** From the first signal on. */
    readonly timeoutMillis: number
    readonly onSignal: (signal: string) => void
    readonly onTimeout: () => void
  }) => Effect.Effect<void>
  /** Exit code of the process: 0 for a graceful end by a signal, 128 and its number for any other. */
  readonly teardown: Runtime.Teardown
}

const numbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGTERM: 15 }

/**
 * Ends the process whatever its threads do. `process.exit` would wait for them, and a model that runs in one cannot be stopped: so
 * another program takes the process over, which ends every thread, and exits.
 */
const endAtOnce = (code: number): never => {
  if (process.execve !== undefined) {
    process.execve(process.execPath, [process.execPath, "--eval", `process.exit(${code})`], {})
  }
  return process.exit(code)
}

/**
 * Something is still written, read or opened: what hangs there, such as a file system whose server does not answer, cannot be
 * stopped, and `process.exit` would wait for it.
 */
const filesHang = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))

/** Interrupting the main fiber is left to `NodeRuntime.runMain`; this adds the limits around it. @category constructors */
export const make = (): Shutdown => {
  let armed = false
  let first: NodeJS.Signals | undefined
  const remember = (signal: NodeJS.Signals) => void (first ??= signal)
  process.on("SIGINT", remember)
  process.on("SIGTERM", remember)
  return {
    arm: ({ onSignal, onTimeout, timeoutMillis }) =>
      Effect.sync(() => {
        armed = true
        let received = false
        const listener = (signal: NodeJS.Signals) => {
          if (received) {
            endAtOnce(128 + (numbers[signal] ?? 0))
          }
          received = true
          onSignal(signal)
          setTimeout(() => {
            onTimeout()
            endAtOnce(1)
          }, timeoutMillis).unref()
        }
        process.on("SIGINT", listener)
        process.on("SIGTERM", listener)
      }),
    teardown: (exit, onExit) => {
      const end = (code: number): void => armed && filesHang() ? endAtOnce(code) : onExit(code)
      if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
        end(armed ? 0 : 128 + (numbers[first ?? "SIGINT"] ?? 0))
      } else Runtime.defaultTeardown(exit, end)
    }
  }
}
