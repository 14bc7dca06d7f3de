/** A request for inference over HTTP as those see it who may want to note something: what nobody asks for is not looked at. */
import type { Clock } from "effect"
import type { TraceContext } from "../../../../schema/RequestTrace.ts"
import * as TraceContexts from "../../../../schema/TraceContext.ts"
import type { Arrival, ArrivalFacts } from "../../../../services/Tracing.ts"
import { single } from "../HeaderValue.ts"
import type { Captures } from "./Router.ts"
import type { Request } from "./Wire.ts"

/** What a call says of itself. @internal */
export interface Arriving {
  readonly request: Request
  readonly captures: Captures
  readonly facts: () => ArrivalFacts
}

/** Read while the request arrives, and not kept. @internal */
export class HttpArrival implements Arrival {
  readonly source: Arriving
  private readonly clock: Clock.Clock
  private readAt: number | undefined = undefined
  /** `null`: not looked for yet. */
  private found: TraceContext | undefined | null = null

  constructor(source: Arriving, clock: Clock.Clock) {
    this.source = source
    this.clock = clock
  }

  get protocol(): "http" {
    return "http"
  }

  get model(): string {
    return this.source.captures.model
  }

  get version(): string {
    return this.source.captures.version
  }

  /** The first time that somebody asks counts. */
  get atNanos(): number {
    return this.readAt ??= Number(this.clock.monotonicTimeNanosUnsafe())
  }

  get context(): TraceContext | undefined {
    if (this.found === null) {
      const { headers } = this.source.request
      const parent = headers["traceparent"]
      this.found = parent === undefined
        ? undefined
        : TraceContexts.parse(single(parent), single(headers["tracestate"]))
    }
    return this.found
  }
}
