/** Why a span failed, as OpenTelemetry's conventions have it: an event for each error, and the message of the first one. */
import { Cause } from "effect"

/** @category models */
export interface SpanFailure {
  /** Attributes of the event of each error. */
  readonly exceptions: ReadonlyArray<Record<string, string>>
  /** There was an error at all. */
  readonly failed: boolean
  /** `""`: none. */
  readonly message: string
}

/** @category conversions */
export const of = (cause: Cause.Cause<unknown>): SpanFailure => {
  const errors = Cause.prettyErrors(cause, { includeCauseInStack: true })
  const exceptions: Array<Record<string, string>> = []
  for (const error of errors) {
    const { message, name, stack } = error
    const code = "code" in error && error.code ? String(error.code) : name
    if (code === "" && message === "") continue
    exceptions.push({
      ...(code === "" ? {} : { "exception.type": code }),
      ...(message === "" ? {} : { "exception.message": message }),
      ...(stack === undefined || stack === "" ? {} : { "exception.stacktrace": stack })
    })
  }
  return { exceptions, failed: errors.length > 0, message: errors[0]?.message ?? "" }
}
