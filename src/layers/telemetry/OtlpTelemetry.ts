/**
 * Exports traces, metrics and logs to a collector, or wherever OTLP is understood: what OpenTelemetry's variables of the environment
 * and `--trace-config mode=opentelemetry` ask for.
 *
 * A program that has a tracer of its own needs none of this: the server makes its spans with the `Tracer` that it is given.
 */
import { Effect, Layer, Result } from "effect"
import { InvalidExport } from "./internal/otlp/Certificates.ts"
import * as Plan from "./internal/otlp/Plan.ts"

export { InvalidExport } from "./internal/otlp/Certificates.ts"

/** @category models */
export interface Options {
  /** OpenTelemetry's variables, `OTEL_…`, by their names; others are not looked at. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /**
   * Settings of `--trace-config opentelemetry,…`, such as `["url", "http://localhost:4318/v1/traces"]`: they count before the
   * variables, and traces are exported whatever those say. Absent: the variables alone decide.
   */
  readonly traceConfig?: ReadonlyArray<readonly [name: string, value: string]> | undefined
  /** How long the end of the layer waits for what is still to be sent, of all signals together. Default: 5000. */
  readonly flushMillis?: number
  /** Takes what the exporters `console` write, whole lines. Default: to the standard output. */
  readonly write?: (text: string) => void
}

/**
 * What the options ask for: an Effect `Tracer`, a further `Logger`, and a way for metrics. Where they ask for nothing, nothing of
 * OpenTelemetry is loaded. The end waits for what is still to be sent, for `flushMillis` at most.
 *
 * Errors: `InvalidExport`, where an address or a file cannot be used. What else is not understood counts as not set, and the log has a
 * warning.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, InvalidExport> =>
  Layer.unwrap(Effect.gen(function*() {
    const { flushMillis = 5000, traceConfig, variables, write = (text) => process.stdout.write(text) } = options
    const plan = Plan.read(variables, traceConfig)
    if (Result.isFailure(plan)) return yield* new InvalidExport({ message: plan.failure })
    const { logs, metrics, traces, warnings } = plan.success
    for (const warning of warnings) yield* Effect.logWarning(warning)
    if (logs === undefined && metrics === undefined && traces === undefined) return Layer.empty
    const { layer } = yield* Effect.promise(() => import("./internal/otlp/Exports.ts"))
    return layer({ plan: plan.success, write, flushMillis })
  }))

/** By the variables of this process. @category layers */
export const layerFromEnvironment: Layer.Layer<never, InvalidExport> = Layer.suspend(() =>
  layer({ variables: process.env })
)
