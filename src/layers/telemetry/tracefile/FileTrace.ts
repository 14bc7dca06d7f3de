/**
 * A request that is noted for the trace file, by Triton's activities.
 *
 * Source: scheduling §10.4, §10.5.
 */
import type { Tensor } from "../../../schema/Inference.ts"
import type {
  BatchRun,
  FrontendActivity,
  ModelTrace,
  RequestTrace,
  TensorActivity,
  TraceParent
} from "../../../schema/RequestTrace.ts"
import { Events } from "./Events.ts"
import type { PendingText } from "./PendingText.ts"

/** What all traces of a file share. @category models */
export interface Surroundings {
  readonly pending: PendingText
  /** The number of the next trace. */
  readonly nextId: () => number
  /** Nanoseconds by the monotonic clock. */
  readonly now: () => number
}

/** @category models */
export interface Wanted {
  readonly timestamps: boolean
  readonly tensors: boolean
}

/** A trace with all that belongs to it: the request, and the models that it went to. @category models */
export class FileTrace implements RequestTrace {
  readonly context = undefined
  readonly surroundings: Surroundings
  readonly wanted: Wanted
  private readonly finished: (text: string) => void
  /** The request, and below it what its model asks of others. */
  private readonly all: Array<Events>
  private readonly own: Events
  /** What was noted of the model that has the request, under the id of the request. */
  private first: Events | undefined
  /** The request itself, and models that have it. */
  private open = 1
  private isOver = false

  /** `finished` gets the objects of the trace when everybody is done with it. */
  constructor(surroundings: Surroundings, wanted: Wanted, finished: (text: string) => void) {
    this.surroundings = surroundings
    this.wanted = wanted
    this.finished = finished
    this.own = this.events(surroundings.nextId(), undefined)
    this.all = [this.own]
  }

  mark(activity: FrontendActivity, atNanos: number = this.surroundings.now()): void {
    if (!this.isOver) this.own.timestamp(activity, atNanos)
  }

  model(options: Parameters<TraceParent["model"]>[0]): ModelTrace {
    // A version that turned out to take no more work has handed it on: what is told is how it went at the next one.
    this.first?.discard()
    this.first = this.events(this.own.id, undefined)
    return new FileModelTrace(this, this.first, options)
  }

  ended(): void {
    if (this.isOver) return
    this.isOver = true
    this.leave()
  }

  /** What is noted under an id of its own, below another. */
  below(parent: Events): Events {
    const events = this.events(this.surroundings.nextId(), parent.id)
    this.all.push(events)
    return events
  }

  private events(id: number, parentId: number | undefined): Events {
    return new Events(id, parentId, this.wanted.timestamps, this.surroundings.pending)
  }

  enter(): void {
    this.open++
  }

  leave(): void {
    if (--this.open > 0) return
    if (this.first !== undefined) this.own.absorb(this.first)
    this.finished(this.all.map((events) => events.take()).filter((text) => text !== "").join(","))
  }
}

class FileModelTrace implements ModelTrace {
  readonly context = undefined
  private readonly trace: FileTrace
  private readonly events: Events
  private isOver = false

  constructor(trace: FileTrace, events: Events, options: Parameters<TraceParent["model"]>[0]) {
    this.trace = trace
    this.events = events
    trace.enter()
    const now = trace.surroundings.now()
    events.head(options, now)
    events.timestamp("REQUEST_START", now)
  }

  get wantsTensors(): boolean {
    return this.trace.wanted.tensors
  }

  model(options: Parameters<TraceParent["model"]>[0]): ModelTrace {
    return new FileModelTrace(this.trace, this.trace.below(this.events), options)
  }

  queued(atNanos: number): void {
    if (!this.isOver) this.events.timestamp("QUEUE_START", atNanos)
  }

  ran(run: BatchRun): void {
    if (this.isOver) return
    const { begunAtNanos, computeInferNanos, computeInputNanos, computeOutputNanos, endedAtNanos, failure } = run
    const inputEnd = begunAtNanos + computeInputNanos
    const outputStart = failure === undefined ? inputEnd + computeInferNanos : endedAtNanos
    this.events.timestamp("COMPUTE_START", begunAtNanos)
    this.events.timestamp("COMPUTE_INPUT_END", inputEnd)
    this.events.timestamp("COMPUTE_OUTPUT_START", outputStart)
    this.events.timestamp("COMPUTE_END", outputStart + computeOutputNanos)
  }

  cached(): void {}

  tensors(activity: TensorActivity, tensors: ReadonlyArray<Tensor>): void {
    if (this.isOver) return
    const now = this.trace.surroundings.now()
    for (const tensor of tensors) this.events.tensor(activity, tensor, now)
  }

  ended(): void {
    if (this.isOver) return
    this.isOver = true
    this.events.timestamp("REQUEST_END", this.trace.surroundings.now())
    this.trace.leave()
  }
}
