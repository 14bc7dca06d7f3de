/** Tracing as the options say: everybody who wants to know what happens to requests, as one service. */
import { Effect, FiberSet, Layer, Result, type Scope, Tracer } from "effect"
import * as TraceConfig from "../../schema/options/TraceConfig.ts"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import type { TraceSetting } from "../../schema/TraceSetting.ts"
import { RecentFlows } from "../../services/RecentFlows.ts"
import { type RequestObserver, Tracing } from "../../services/Tracing.ts"
import * as Observers from "./internal/Observers.ts"
import * as RequestLog from "./RequestLog.ts"
import * as RequestSpans from "./spans/RequestSpans.ts"
import * as TraceFile from "./tracefile/TraceFile.ts"
import * as TraceSampling from "./TraceSampling.ts"

/** As the settings are shown: what was given several times has its values behind one another. */
const shown = (given: TraceConfig.TraceConfig["opentelemetry"]): TraceSetting["opentelemetry"] => {
  const values = new Map<string, string>()
  for (const [name, value] of given) {
    const before = name === "resource" ? values.get(name) : undefined
    values.set(name, before === undefined ? value : `${before},${value}`)
  }
  return [...values]
}

/** What is in force at the start; `tracer`: the program has one of its own, which decides about what is exported. */
const start = (config: TraceConfig.TraceConfig, tracer: boolean): TraceSetting => {
  const { count, file, level, logFrequency, mode, rate } = config
  const rest = { file, logFrequency, opentelemetry: shown(config.opentelemetry) }
  return mode === undefined && tracer
    ? { ...rest, mode: "opentelemetry", level: ["TIMESTAMPS"], rate: 1, count: -1 }
    : { ...rest, mode: mode ?? "triton", level, rate, count }
}

const nothing: TraceSampling.Recorder = { begin: () => undefined, ended: () => {} }

/** Requests that the settings choose, as spans or in a file. */
const makeSampling = Effect.fnUntraced(function*(
  options: ServerOptions
): Effect.fn.Return<TraceSampling.TraceSampling, never, Scope.Scope> {
  const config = TraceConfig.read(options)
  if (Result.isFailure(config)) return yield* Effect.die(new Error(config.failure))
  const tracer = yield* Tracer.Tracer
  const hasTracer = tracer !== Tracer.nativeTracer
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const setting = start(config.success, hasTracer)
  const sampling = TraceSampling.make({
    setting,
    open: setting.mode === "triton"
      ? setting.file === ""
        ? () => nothing
        : (yield* TraceFile.make({ path: setting.file, maxPending: options.traceFileMaxPendingBytes })).open
      : yield* openSpans(tracer, hasTracer),
    onSetting: ({ level, mode }) => {
      if (mode === "opentelemetry" && level.includes("TENSORS")) {
        fork(Effect.logWarning("Tensor level tracing is not supported by the mode: opentelemetry"))
      }
    },
    maxModels: options.traceMaxModels
  })
  // Runs before the file is finished.
  yield* Effect.addFinalizer(() => Effect.sync(sampling.close))
  return sampling
})

const openSpans = Effect.fnUntraced(function*(tracer: Tracer.Tracer, hasTracer: boolean) {
  if (!hasTracer) {
    yield* Effect.logWarning(
      "The trace mode is opentelemetry, and there is no tracer: no spans are made. Provide one to the layer of the server, such " +
        "as that of OtlpTelemetry or of the OpenTelemetry SDK."
    )
    return () => nothing
  }
  const { begin } = yield* RequestSpans.make({ tracer })
  return () => ({ begin, ended: nothing.ended })
})

/** What is traced of a server with these options. @category layers */
export const layer = (options: ServerOptions): Layer.Layer<never> =>
  Layer.effect(
    Tracing,
    Effect.gen(function*() {
      const sampling = yield* makeSampling(options)
      const { observer: flows } = yield* RecentFlows
      const observers: Array<RequestObserver> = flows === undefined ? [sampling] : [sampling, flows]
      // Behind those who make spans, which its lines name.
      if (options.logRequests !== "off") observers.push(yield* RequestLog.make({ requests: options.logRequests }))
      return { ...Observers.together(observers), settings: sampling.settings }
    })
  )
