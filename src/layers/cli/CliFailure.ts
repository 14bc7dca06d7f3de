/** The failure of a command that was already told to the user, or is told in `message`. */
import { Runtime, Schema } from "effect"

/** Ends the process with 1; `message` goes to standard error as it is, nothing when it is empty. @category errors */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}
