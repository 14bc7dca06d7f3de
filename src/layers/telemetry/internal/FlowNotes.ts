/** Notes of one request for the console, taken while it is on its way. */
import { detached } from "../../../schema/DetachedText.ts"
import type { Flow, FlowModel, FlowRun } from "../../../schema/Flow.ts"
import type {
  BatchRun,
  CacheOutcome,
  FrontendActivity,
  ModelTrace,
  RequestOutcome,
  RequestTrace,
  TraceFailure
} from "../../../schema/RequestTrace.ts"
import type { Arrival } from "../../../services/Tracing.ts"

/** Models of one request that are noted: an ensemble may have more steps. */
const maxModels = 64
/** Marks of one request that are noted: there are fewer kinds of them. */
const maxMarks = 16
const maxName = 200
const maxMessage = 400

const cut = (text: string, most: number): string => text.length <= most ? text : `${detached(text.slice(0, most - 1))}…`

const bounded = (failure: TraceFailure): TraceFailure => ({ ...failure, message: cut(failure.message, maxMessage) })

/** What goes on during the request that `begin` gave. */
type ModelOptions = Parameters<RequestTrace["model"]>[0]

/** @internal */
export interface Surroundings {
  /** Nanoseconds by the monotonic clock. */
  readonly nowNanos: () => number
  /** The request is over. */
  readonly over: (flow: (number: number) => Flow) => void
}

/** @internal */
export class FlowNotes implements RequestTrace {
  readonly context = undefined
  private readonly arrival: Pick<Arrival, "atNanos" | "model" | "protocol" | "version">
  private readonly trace: Pick<Flow, "traceId" | "traced">
  private readonly atMillis: number
  private readonly surroundings: Surroundings
  private readonly marks: Array<readonly [FrontendActivity, number]> = []
  private readonly models: Array<ModelNotes> = []
  private requestId = ""
  private count = 0
  private isCut = false
  private isOver = false

  constructor(arrival: Arrival, trace: Pick<Flow, "traceId" | "traced">, atMillis: number, surroundings: Surroundings) {
    // What the request was read from is not kept: it may be large.
    const { atNanos, model, protocol, version } = arrival
    this.arrival = { atNanos, model: cut(model, maxName), protocol, version: cut(version, maxName) }
    this.trace = trace
    this.atMillis = atMillis
    this.surroundings = surroundings
  }

  /** Microseconds since the arrival. */
  since(nanos: number): number {
    return Math.round((nanos - this.arrival.atNanos) / 100) / 10
  }

  now(): number {
    return this.since(this.surroundings.nowNanos())
  }

  /** Notes of one more model; `undefined` where they would be too many. */
  enter(options: ModelOptions): ModelNotes | undefined {
    if (this.count >= maxModels) {
      this.isCut = true
      return undefined
    }
    this.count++
    if (this.requestId === "") this.requestId = cut(options.requestId, maxName)
    return new ModelNotes(this, options)
  }

  model(options: ModelOptions): ModelTrace {
    const notes = this.enter(options)
    if (notes === undefined) return ignored
    this.models.push(notes)
    return notes
  }

  mark(activity: FrontendActivity, atNanos = this.surroundings.nowNanos()): void {
    if (this.marks.length < maxMarks) this.marks.push([activity, this.since(atNanos)])
  }

  ended(outcome: RequestOutcome): void {
    if (this.isOver) return
    this.isOver = true
    const totalMicros = this.now()
    const { model, protocol, version } = this.arrival
    this.surroundings.over((number) => ({
      number,
      atMillis: this.atMillis,
      protocol,
      model,
      version,
      requestId: this.requestId,
      ...this.trace,
      totalMicros,
      marks: this.marks,
      status: outcome.status,
      failure: outcome.failure === undefined ? undefined : bounded(outcome.failure),
      models: this.models.map((notes) => notes.flow()),
      cut: this.isCut
    }))
  }
}

class ModelNotes implements ModelTrace {
  readonly context = undefined
  readonly wantsTensors = false
  private readonly request: FlowNotes
  private readonly name: string
  private readonly version: number
  private readonly sequence: string | undefined
  private readonly beganMicros: number
  private readonly steps: Array<ModelNotes> = []
  private queuedMicros: number | undefined = undefined
  private endedMicros: number | undefined = undefined
  private run: FlowRun | undefined = undefined
  private cache: CacheOutcome | undefined = undefined
  private failure: TraceFailure | undefined = undefined

  constructor(request: FlowNotes, { model, sequenceId, version }: ModelOptions) {
    this.request = request
    this.name = model
    this.version = version
    this.sequence = sequenceId === undefined ? undefined : cut(String(sequenceId), maxName)
    this.beganMicros = request.now()
  }

  model(options: ModelOptions): ModelTrace {
    const notes = this.request.enter(options)
    if (notes === undefined) return ignored
    this.steps.push(notes)
    return notes
  }

  queued(atNanos: number): void {
    this.queuedMicros = this.request.since(atNanos)
  }

  ran(run: BatchRun): void {
    this.run = {
      instance: run.instance,
      rows: run.rows,
      requests: run.requests,
      beganMicros: this.request.since(run.begunAtNanos),
      endedMicros: this.request.since(run.endedAtNanos),
      inputMicros: run.computeInputNanos / 1000,
      inferMicros: run.computeInferNanos / 1000,
      outputMicros: run.computeOutputNanos / 1000
    }
  }

  cached(outcome: CacheOutcome): void {
    this.cache = outcome
  }

  tensors(): void {}

  ended(failure?: TraceFailure): void {
    this.endedMicros = this.request.now()
    if (failure !== undefined) this.failure = bounded(failure)
  }

  flow(): FlowModel {
    const { beganMicros, cache, endedMicros, failure, name, queuedMicros, run, sequence, version } = this
    return {
      model: name,
      version,
      beganMicros,
      endedMicros,
      queuedMicros,
      run,
      cache,
      sequence,
      failure,
      steps: this.steps.map((step) => step.flow())
    }
  }
}

const nothing = (): void => {}

/** What is noted of models beyond the bound. */
const ignored: ModelTrace = {
  context: undefined,
  wantsTensors: false,
  model: () => ignored,
  queued: nothing,
  ran: nothing,
  cached: nothing,
  tensors: nothing,
  ended: nothing
}
