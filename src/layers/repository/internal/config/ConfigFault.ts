/** What is wrong with a config: plain data, which the repository wraps into the error of the stage it is in. */
import { Result } from "effect"
import type { Code } from "../../../../schema/Errors.ts"

/** @category models */
export interface ConfigFault {
  readonly code: Code
  readonly message: string
}

/** A check's answer: nothing, or the first thing that is wrong. @category models */
export type Checked = Result.Result<void, ConfigFault>

/** A fault of the config itself. @category constructors */
export const invalid = (message: string): ConfigFault => ({ code: "INVALID_ARG", message })

/** The answer of checks that run in turn and stop at the first fault. @category constructors */
export const firstFault = (checks: Iterable<ConfigFault>): Checked => {
  for (const fault of checks) return Result.fail(fault)
  return Result.succeed(undefined)
}
