/**
 * Decides which requests are traced, and notes what happens to them.
 *
 * Upstream: front ends and the door ask when a request arrives. Downstream: spans, trace files, log lines.
 */
import { Context, Result, type Tracer } from "effect"
import { type InvalidRequest, Unsupported } from "../schema/Errors.ts"
import type { RequestTrace, TraceContext } from "../schema/RequestTrace.ts"
import type { TraceChange, TraceSetting } from "../schema/TraceSetting.ts"

/** Which way a request came; `local`: from the program that has the server inside. @category models */
export type Protocol = "http" | "grpc" | "rpc" | "local"

/** What the span of a request says of the way it came. @category models */
export interface ArrivalFacts {
  /** Name of the span: few different ones. */
  readonly name: string
  /**
   * By the names of OpenTelemetry's semantic conventions, without what is known only at the end. Requests that say the same of
   * themselves may have the same list, so that what is made of it is made once.
   */
  readonly attributes: ReadonlyArray<readonly [name: string, value: string | number | boolean]>
  /** `url.path`, as it was asked. Absent: the protocol has none. */
  readonly path?: string | undefined
}

/** A request for inference that has just come. What it says may be found out when it is asked for: it is read at once, or never. @category models */
export interface Arrival {
  readonly protocol: Protocol
  /** As the client named it: it need not exist. */
  readonly model: string
  /** As the client named it; `""`: no version was named. */
  readonly version: string
  /** Nanoseconds by the monotonic clock. */
  readonly atNanos: number
  /** The span of the client, where it sent a valid one. */
  readonly context: TraceContext | undefined
  /** The span of the calling fiber, in this process. */
  readonly parent?: Tracer.AnySpan | undefined
  /** Asked at most once, before the request is over. */
  readonly source: { readonly facts: () => ArrivalFacts }
}

/** Somebody who may want to know what happens to requests. @category models */
export interface RequestObserver {
  /** It may want to know something of the next request. Cheap: it is asked for each one. */
  readonly active: () => boolean
  /** `context`: the span that another observer has made of it. `undefined`: it wants to know nothing of this one. */
  readonly begin: (arrival: Arrival, context?: TraceContext) => RequestTrace | undefined
}

/** The settings of the trace extension. @category models */
export interface TraceSettings {
  /** Those in force for a model; without a name, those of all models without settings of their own. */
  readonly of: (model: string | undefined) => TraceSetting
  /** The model has settings of its own, whether it is loaded or not. */
  readonly isOwn: (model: string) => boolean
  /** Changes them, and gives those in force then. `InvalidRequest`: nothing could be traced with them. */
  readonly change: (
    model: string | undefined,
    change: TraceChange
  ) => Result.Result<TraceSetting, InvalidRequest | Unsupported>
}

/** @category models */
export interface TracingState extends RequestObserver {
  readonly settings: TraceSettings
}

/** Nothing is traced, ever. @category models */
export const offSetting: TraceSetting = {
  level: ["OFF"],
  rate: 1000,
  count: -1,
  logFrequency: 0,
  file: "",
  mode: "triton",
  opentelemetry: []
}

/** Without a service of its own a server traces nothing. @category services */
export const Tracing: Context.Reference<TracingState> = Context.Reference<TracingState>("galatea/services/Tracing", {
  defaultValue: () => ({
    active: () => false,
    begin: () => undefined,
    settings: {
      of: () => offSetting,
      isOwn: () => false,
      change: () =>
        Result.fail(
          new Unsupported({
            message: "this server has no tracing: the program that it is part of has not provided any"
          })
        )
    }
  })
})
