/**
 * Everything that is kept of the durations of a version's requests, for each phase: count, exact sum, sum of whole microseconds, buckets,
 * exemplars, quantiles.
 *
 * What runs have answered is noted down, and summed up once there is a page of it or somebody asks: between two requests the caches
 * have filled with other code and other data, and fetching what sums up and what is summed up costs more than the sums.
 */
import type { Distribution } from "../../../schema/MetricFamily.ts"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import {
  type AnsweredRequest,
  type Phase,
  type PhaseName,
  phases,
  type RunTimes
} from "../../../services/Statistics.ts"
import { Buckets, durationBounds } from "./Buckets.ts"
import * as ExactSum from "./ExactSum.ts"
import { Exemplars } from "./Exemplars.ts"
import type { SlidingQuantiles } from "./SlidingQuantiles.ts"

const nanosBounds = Float64Array.from(durationBounds, (seconds) => Math.round(seconds * 1e9))

/** By the binary digits of a duration in whole microseconds: the first bucket that may count it. */
const firstBuckets = Uint8Array.from({ length: 33 }, (_, digits) => {
  const bound = nanosBounds.findIndex((nanos) => digits === 0 || nanos >= 2 ** (digits - 1) * 1000)
  return bound === -1 ? nanosBounds.length : bound
})

const largest = 2 ** 32 - 1

const bucketOf = (nanos: number, micros: number): number => {
  let bucket = firstBuckets[32 - Math.clz32(Math.min(micros, largest))]!
  while (bucket < nanosBounds.length && nanos > nanosBounds[bucket]!) bucket++
  return bucket
}

/** Numbers of a phase beside its buckets: an exact sum of nanoseconds, and the sum of whole microseconds. */
const sums = ExactSum.cells + 1
const buckets = nanosBounds.length + 1
const microsAt = (phase: number): number => phase * sums + ExactSum.cells
const bucketsAt = (phase: number): number => phases.length * sums + phase * buckets

/** The number of each phase. @category constants */
export const at = Object.fromEntries(phases.map((phase, i) => [phase, i])) as Readonly<Record<PhaseName, number>>
const { computeInfer, computeInput, computeOutput, queue, request } = at

/**
 * A note: how many requests a run has answered, when it began and when they were answered, its three times, and when each of
 * them had arrived.
 */
const noteHead = 6
/** Numbers on a page. */
const page = 512

/** @category models */
export class Meters {
  private readonly cells = new Float64Array(phases.length * (sums + buckets))
  private readonly firstResponseBounds: ReadonlyArray<number>
  private readonly firstResponses: Buckets
  private firstResponseMillis = 0
  private notes = new Float64Array(page)
  private noted = 0
  private readonly keepsQuantiles: boolean
  private readonly quantiles: ReadonlyArray<SlidingQuantiles | undefined>
  private readonly exemplars: Array<Exemplars | undefined> = phases.map(() => undefined)

  /** Bounds of first responses ascend, in milliseconds; `quantiles` tells those that are kept. */
  constructor(
    firstResponseBounds: ReadonlyArray<number>,
    quantiles: (phase: PhaseName) => SlidingQuantiles | undefined = () => undefined
  ) {
    this.firstResponseBounds = firstResponseBounds
    this.firstResponses = new Buckets(firstResponseBounds)
    this.quantiles = phases.map(quantiles)
    this.keepsQuantiles = this.quantiles.some((kept) => kept !== undefined)
  }

  /** A run has answered these requests at this time, in monotonic nanoseconds. */
  answered(requests: ReadonlyArray<AnsweredRequest>, run: RunTimes, endedAtNanos: number): void {
    const { length } = requests
    if (this.noted + noteHead + length > this.notes.length) this.turnPage(noteHead + length)
    const { noted, notes } = this
    notes[noted] = length
    notes[noted + 1] = run.begunAtNanos
    notes[noted + 2] = endedAtNanos
    notes[noted + 3] = run.computeInputNanos
    notes[noted + 4] = run.computeInferNanos
    notes[noted + 5] = run.computeOutputNanos
    for (let i = 0; i < length; i++) notes[noted + noteHead + i] = requests[i]!.arrivedAt
    this.noted = noted + noteHead + length
    // They are of the last minute: what is summed up later would be of a later one.
    if (this.keepsQuantiles) this.sumUp()
  }

  private turnPage(needed: number): void {
    this.sumUp()
    if (needed > this.notes.length) this.notes = new Float64Array(2 * needed)
  }

  private sumUp(): void {
    const { noted, notes } = this
    this.noted = 0
    for (let note = 0; note < noted;) {
      const requests = notes[note]!
      const begunAt = notes[note + 1]!
      const endedAt = notes[note + 2]!
      this.add(computeInput, notes[note + 3]!, requests)
      this.add(computeInfer, notes[note + 4]!, requests)
      this.add(computeOutput, notes[note + 5]!, requests)
      note += noteHead
      for (const end = note + requests; note < end; note++) {
        const arrivedAt = notes[note]!
        this.add(request, endedAt - arrivedAt)
        this.add(queue, begunAt - arrivedAt)
        this.firstResponse(endedAt - arrivedAt)
      }
    }
  }

  /** So many requests took that long each. */
  add(phase: number, nanos: number, requests = 1): void {
    const { cells } = this
    const whole = ExactSum.wholeNanos(nanos)
    const micros = Math.floor(whole / 1000)
    ExactSum.addTimes(cells, phase * sums, whole, requests)
    cells[microsAt(phase)]! += micros * requests
    cells[bucketsAt(phase) + bucketOf(whole, micros)]! += requests
    if (this.keepsQuantiles) this.quantiles[phase]?.add(micros, requests)
  }

  /** A request had its first response after so long. */
  firstResponse(nanos: number): void {
    const millis = Math.floor(ExactSum.wholeNanos(nanos) / 1e6)
    this.firstResponseMillis += millis
    this.firstResponses.add(millis)
  }

  /** A trace can be looked up for a duration that was added. */
  exemplify(phase: number, nanos: number, trace: TraceContext, atMillis: number): void {
    const whole = ExactSum.wholeNanos(nanos)
    const exemplars = this.exemplars[phase] ??= new Exemplars(buckets)
    exemplars.keep(bucketOf(whole, Math.floor(whole / 1000)), whole, trace, atMillis)
  }

  /** One of the durations counted before was longer by so much. Buckets and quantiles stay as they are. */
  extend(phase: number, nanos: number): void {
    const whole = ExactSum.wholeNanos(nanos)
    ExactSum.add(this.cells, phase * sums, whole)
    this.cells[microsAt(phase)]! += Math.floor(whole / 1000)
  }

  phase(phase: number): Phase {
    return { count: this.counts(phase).reduce(plus), nanos: ExactSum.read(this.cells, phase * sums) }
  }

  /** Sum of the durations, each cut to whole microseconds. */
  micros(phase: number): number {
    this.sumUp()
    return this.cells[microsAt(phase)]!
  }

  /** In seconds. */
  distribution(phase: number): Distribution {
    const counts = Array.from(this.counts(phase))
    const sum = ExactSum.seconds(this.cells, phase * sums)
    const distribution = { bounds: durationBounds, counts, count: counts.reduce(plus), sum }
    const exemplars = this.exemplars[phase]
    return exemplars === undefined ? distribution : { ...distribution, exemplars: exemplars.read(1e9) }
  }

  /** In whole milliseconds. */
  get firstResponseDistribution(): Distribution {
    this.sumUp()
    return this.firstResponses.read(this.firstResponseBounds, this.firstResponseMillis)
  }

  /** In microseconds; NaN also where quantiles are not kept. */
  quantile(phase: number, share: number): number {
    return this.quantiles[phase]?.quantile(share) ?? Number.NaN
  }

  private counts(phase: number): Float64Array {
    this.sumUp()
    return this.cells.subarray(bucketsAt(phase), bucketsAt(phase) + buckets)
  }
}

const plus = (a: number, b: number): number => a + b
