/** One message of the log, taken apart, before it has a form. */
import { Cause, type Logger, type LogLevel, References, Tracer } from "effect"
import * as Context from "effect/Context"
import { bounded } from "../../../../schema/LogSetting.ts"
import { text } from "./LogText.ts"

/** @category models */
export interface LogEntry {
  readonly date: Date
  readonly level: LogLevel.LogLevel
  readonly message: string
  /** What stands for Triton's file and line. */
  readonly source: string | undefined
  readonly annotations: ReadonlyArray<readonly [name: string, value: string | number | boolean]>
  /** What was given as a cause, with its stack. */
  readonly cause: string | undefined
  /** The span that the message belongs to. */
  readonly span: { readonly traceId: string; readonly spanId: string } | undefined
}

const simple = (value: unknown, maxLength: number): string | number | boolean =>
  typeof value === "number" || typeof value === "boolean" ? value : bounded(text(value), maxLength)

/** The message of Effect's log, none of its texts longer than `maxLength` characters. @category conversions */
export const make = (
  { cause, date, fiber, logLevel, message }: Logger.Options<unknown>,
  maxLength: number
): LogEntry => {
  const annotations: Array<LogEntry["annotations"][number]> = []
  let source: string | undefined
  for (const [name, value] of Object.entries(fiber.getRef(References.CurrentLogAnnotations))) {
    if (name === "source") source = bounded(text(value), maxLength)
    else annotations.push([bounded(name, maxLength), simple(value, maxLength)])
  }
  const parent = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  // Effect's own spans go nowhere: nobody could look one up.
  const span = parent instanceof Tracer.NativeSpan ? undefined : parent
  return {
    date,
    level: logLevel,
    message: bounded((Array.isArray(message) ? message : [message]).map(text).join(" "), maxLength),
    source,
    annotations,
    cause: cause.reasons.length === 0 ? undefined : bounded(Cause.pretty(cause), maxLength),
    span: span === undefined ? undefined : { traceId: span.traceId, spanId: span.spanId }
  }
}
