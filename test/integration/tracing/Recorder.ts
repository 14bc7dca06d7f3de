/** Somebody who wants to know of every request, and remembers what it was told. */
import type { Effect } from "effect"
import type { ModelTrace, RequestOutcome, RequestTrace } from "../../../src/schema/RequestTrace.ts"
import { type Arrival, type ArrivalFacts, offSetting, type TracingState } from "../../../src/services/Tracing.ts"
import { eventually } from "../http/Wire.ts"

const modelTrace: ModelTrace = {
  context: undefined,
  wantsTensors: false,
  model: () => modelTrace,
  queued: () => {},
  ran: () => {},
  cached: () => {},
  tensors: () => {},
  ended: () => {}
}

/** One request as it was told. */
export class Noted implements RequestTrace {
  readonly context = undefined
  readonly arrival: Arrival
  readonly facts: ArrivalFacts
  readonly marks: Array<string> = []
  readonly outcomes: Array<RequestOutcome> = []

  constructor(arrival: Arrival) {
    this.arrival = arrival
    this.facts = arrival.source.facts()
  }

  readonly model = () => modelTrace

  readonly mark = (activity: string, atNanos?: number) => {
    this.marks.push(atNanos === undefined ? activity : `${activity} ${atNanos === this.arrival.atNanos}`)
  }

  readonly ended = (outcome: RequestOutcome) => {
    this.outcomes.push(outcome)
  }

  /** Attributes of the way it came. */
  get attributes(): Readonly<Record<string, string | number | boolean>> {
    const { attributes, path } = this.facts
    return { ...Object.fromEntries(attributes), ...(path === undefined ? {} : { "url.path": path }) }
  }

  /** How it ended, in short: the status and the kind of failure of the only outcome. */
  get outcome(): string {
    return this.outcomes.map(({ failure, status }) => `${status ?? "-"} ${failure?.type ?? "ok"}`).join(", ")
  }
}

/** Wants to know of requests while `wanted`. */
export class Recorder {
  wanted = true
  asked = 0
  readonly noted: Array<Noted> = []

  readonly tracing: TracingState = {
    active: () => {
      this.asked++
      return this.wanted
    },
    begin: (arrival) => {
      const noted = new Noted(arrival)
      this.noted.push(noted)
      return noted
    },
    settings: {
      isOwn: () => false,
      of: () => offSetting,
      change: () => {
        throw new Error("nobody changes this")
      }
    }
  }

  /** Every request and how it ended, in order of arrival. */
  get outcomes(): ReadonlyArray<string> {
    return this.noted.map(({ arrival: { model, version }, outcome }) => `${model}:${version} ${outcome}`)
  }

  /** How many are over. */
  get over(): number {
    return this.noted.filter(({ outcomes }) => outcomes.length > 0).length
  }
}

/** Waits until so many requests are over. */
export const ended = (recorder: Recorder, count: number): Effect.Effect<void> =>
  eventually(() => recorder.outcomes, () => recorder.over === count && recorder.noted.length === count)
