/** The failure of a command that was already told to the user, or is told in `message`. */
import { Runtime, Schema } from "effect"

/** Ends the process with 1, or `exitCode`; `message` goes to standard error, nothing when it is empty. @category errors */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", {
  message: Schema.String,
  exitCode: Schema.optionalKey(Schema.Int)
}) {
  override readonly [Runtime.errorExitCode] = this.exitCode ?? 1
  override readonly [Runtime.errorReported] = false
}
