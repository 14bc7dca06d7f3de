/** Counts values by bounds, without allocating. */
import type { Distribution } from "../../../schema/MetricFamily.ts"

/** @category models */
export class Buckets {
  private readonly bounds: Float64Array
  private readonly counts: Float64Array

  /** `bounds` ascend. */
  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = Float64Array.from(bounds)
    this.counts = new Float64Array(bounds.length + 1)
  }

  add(value: number): void {
    this.counts[this.indexOf(value)]!++
  }

  /** Which bucket counts a value. */
  indexOf(value: number): number {
    const { bounds } = this
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    return i
  }

  /** With bounds in the unit of the reader. */
  read(bounds: ReadonlyArray<number>, sum: number): Distribution {
    const counts = Array.from(this.counts)
    return { bounds, counts, count: counts.reduce((total, count) => total + count, 0), sum }
  }
}

/** Seconds from 100 µs to a minute: three steps a decade, as far apart at every size. */
export const durationBounds: ReadonlyArray<number> = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60
]

/** Rows. */
export const batchSizeBounds: ReadonlyArray<number> = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** Milliseconds. Source: scheduling §9.2. */
export const firstResponseBounds: ReadonlyArray<number> = [100, 500, 2000, 5000]

/** Distances of numbers: none at all, then decades. */
export const differenceBounds: ReadonlyArray<number> = [0, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000]

/** Bounds that somebody wrote down, as bounds can be: finite, each once, ascending. */
export const ascending = (bounds: ReadonlyArray<number>): ReadonlyArray<number> =>
  [...new Set(bounds.filter(Number.isFinite))].toSorted((a, b) => a - b)
