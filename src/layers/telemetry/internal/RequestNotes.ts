/** What a line of the log says of a request, noted while it is on its way. */
import { Tracer } from "effect"
import type {
  BatchRun,
  CacheOutcome,
  ModelTrace,
  RequestOutcome,
  RequestTrace,
  TraceContext,
  TraceFailure
} from "../../../schema/RequestTrace.ts"
import type { Arrival } from "../../../services/Tracing.ts"
import { bounded } from "../spans/SpanValues.ts"

type ModelOptions = Parameters<RequestTrace["model"]>[0]

/** @internal */
export interface Ended {
  readonly annotations: Readonly<Record<string, string | number>>
  readonly failure: TraceFailure | undefined
  readonly span: Tracer.ExternalSpan | undefined
}

/** @internal */
export interface Surroundings {
  /** Nanoseconds by the monotonic clock. */
  readonly nowNanos: () => number
  readonly maxNameLength: number
  readonly maxMessageLength: number
  /** The request is over. */
  readonly over: (ended: () => Ended, failed: boolean) => void
}

const micros = (nanos: number): number => Math.round(nanos / 1000)

/** Time that an execution computed, or took until it failed. */
const computeNanos = (run: BatchRun): number =>
  run.failure === undefined
    ? run.computeInputNanos + run.computeInferNanos + run.computeOutputNanos
    : run.endedAtNanos - run.begunAtNanos

/** @internal */
export class RequestNotes implements RequestTrace {
  readonly context = undefined
  private readonly protocol: string
  private readonly name: string
  private readonly version: string
  private readonly atNanos: number
  private readonly span: TraceContext | undefined
  private readonly surroundings: Surroundings
  private isOver = false
  private key: string | undefined = undefined
  private answering: ModelNotes | undefined = undefined

  /** `context`: the span that was made of it. */
  constructor(arrival: Arrival, context: TraceContext | undefined, surroundings: Surroundings) {
    const { maxNameLength } = surroundings
    // What the request was read from is not kept: it may be large.
    this.protocol = arrival.protocol
    this.name = bounded(arrival.model, maxNameLength)
    this.version = bounded(arrival.version, maxNameLength)
    this.atNanos = arrival.atNanos
    this.span = context ?? arrival.context
    this.surroundings = surroundings
  }

  /** Of several attempts the last one counts. */
  model(options: ModelOptions): ModelTrace {
    return this.answering = new ModelNotes(options, undefined)
  }

  mark(): void {}

  client(key: string): void {
    this.key = key
  }

  ended(outcome: RequestOutcome): void {
    if (this.isOver) return
    this.isOver = true
    const totalNanos = this.surroundings.nowNanos() - this.atNanos
    this.surroundings.over(() => this.line(outcome, totalNanos), outcome.failure !== undefined)
  }

  private line({ failure, status }: RequestOutcome, totalNanos: number): Ended {
    const { maxMessageLength, maxNameLength } = this.surroundings
    const notes = this.answering
    const annotations: Record<string, string | number> = { protocol: this.protocol, model: this.name }
    const version = notes === undefined ? this.version : String(notes.version)
    if (version !== "") annotations["version"] = version
    if (notes !== undefined && notes.id !== "") annotations["id"] = bounded(notes.id, maxNameLength)
    if (notes?.sequence !== undefined) annotations["sequence"] = bounded(String(notes.sequence), maxNameLength)
    if (this.key !== undefined) annotations["key"] = this.key
    if (status !== undefined) annotations["status"] = status
    if (failure !== undefined) annotations["error"] = failure.type
    notes?.tell(annotations)
    annotations["total_us"] = micros(totalNanos)
    return {
      annotations,
      failure: failure === undefined ? undefined : { ...failure, message: bounded(failure.message, maxMessageLength) },
      span: this.span === undefined ? undefined : Tracer.externalSpan(this.span)
    }
  }
}

/** Of a model, and of the steps where it is an ensemble. */
class ModelNotes implements ModelTrace {
  readonly context = undefined
  readonly wantsTensors = false
  readonly version: number
  readonly id: string
  readonly sequence: bigint | string | undefined
  private readonly ensemble: ModelNotes | undefined
  private atNanos = 0
  private rows = 0
  private requests = 0
  private steps = 0
  private runs = 0
  private queueNanos = 0
  private computeNanos = 0
  private cache: CacheOutcome | undefined = undefined

  constructor({ requestId, sequenceId, version }: ModelOptions, ensemble: ModelNotes | undefined) {
    this.version = version
    this.id = requestId
    this.sequence = sequenceId
    this.ensemble = ensemble
  }

  model(options: ModelOptions): ModelTrace {
    this.steps++
    return new ModelNotes(options, this)
  }

  queued(atNanos: number): void {
    this.atNanos = atNanos
  }

  ran(run: BatchRun): void {
    this.rows = run.rows
    this.requests = run.requests
    this.add(this.atNanos === 0 ? 0 : run.begunAtNanos - this.atNanos, computeNanos(run))
  }

  cached(outcome: CacheOutcome): void {
    this.cache = outcome
  }

  tensors(): void {}

  ended(): void {}

  tell(annotations: Record<string, string | number>): void {
    if (this.rows > 0) {
      annotations["batch_rows"] = this.rows
      annotations["batch_requests"] = this.requests
    }
    if (this.cache !== undefined) annotations["cache"] = this.cache
    if (this.steps > 0) annotations["steps"] = this.steps
    if (this.runs > 0) {
      annotations["queue_us"] = micros(this.queueNanos)
      annotations["compute_us"] = micros(this.computeNanos)
    }
  }

  /** An ensemble has the times of its steps together. */
  private add(queueNanos: number, computeNanos: number): void {
    this.runs++
    this.queueNanos += queueNanos
    this.computeNanos += computeNanos
    this.ensemble?.add(queueNanos, computeNanos)
  }
}
