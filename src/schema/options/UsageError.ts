/** The failure of reading options. */
import { Schema } from "effect"

/** The command line or the environment cannot be used; `message` is what to print below the usage. @category errors */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {}
