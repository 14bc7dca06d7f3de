/** Rates and quantiles of what happened in an interval, out of the figures before and after it. */

/** @import { ConsoleFigures } from "../../../schema/ConsoleState.ts" */

/**
 * What happened in one interval. Times are microseconds; `NaN` where there is nothing to say.
 *
 * @typedef {object} Point
 * @property {number} at milliseconds since 1970, at its end
 * @property {number} seconds how long it was
 * @property {number} rate requests that succeeded, a second
 * @property {number} errors requests that failed, or were turned away for no fault of theirs, a second
 * @property {number} invalid requests that were turned away because the model takes no such requests, a second
 * @property {number} p50
 * @property {number} p99
 * @property {number} waiting at its end; in a row of the table the most
 * @property {number} running at its end; in a row of the table the most
 * @property {number} rows rows of an execution
 * @property {number} fullness rows of executions, as a share of what they could have had
 * @property {number} queue
 * @property {number} input
 * @property {number} infer
 * @property {number} output
 */

/**
 * The value that a share of those counted does not exceed, by straight lines between the bounds; `NaN` without any.
 *
 * @param {ReadonlyArray<number>} bounds ascending
 * @param {ReadonlyArray<number>} counts one more than bounds
 * @param {number} share
 */
export const quantile = (bounds, counts, share) => {
  let total = 0
  for (const n of counts) total += n
  if (total === 0) return NaN
  const rank = share * total
  let before = 0
  for (let i = 0; i < bounds.length; i++) {
    const here = counts[i] ?? 0
    const upper = bounds[i] ?? 0
    if (here > 0 && before + here >= rank) {
      const lower = i === 0 ? 0 : bounds[i - 1] ?? 0
      return lower + (upper - lower) * Math.max(0, rank - before) / here
    }
    before += here
  }
  return bounds[bounds.length - 1] ?? NaN
}

/**
 * What was counted between two moments; everything where counting began anew in between.
 *
 * @param {ConsoleFigures | undefined} before
 * @param {ConsoleFigures} now
 */
export const difference = (before, now) => {
  const base = before !== undefined && before.succeeded <= now.succeeded && before.failed <= now.failed &&
      before.refused <= now.refused && before.invalid <= now.invalid && before.executions <= now.executions
    ? before
    : undefined
  return {
    succeeded: now.succeeded - (base?.succeeded ?? 0),
    errors: now.failed + now.refused - (base === undefined ? 0 : base.failed + base.refused),
    invalid: now.invalid - (base?.invalid ?? 0),
    rows: now.rows - (base?.rows ?? 0),
    executions: now.executions - (base?.executions ?? 0),
    durations: now.durations.map((n, i) => n - (base?.durations[i] ?? 0)),
    queue: now.micros.queue - (base?.micros.queue ?? 0),
    input: now.micros.input - (base?.micros.input ?? 0),
    infer: now.micros.infer - (base?.micros.infer ?? 0),
    output: now.micros.output - (base?.micros.output ?? 0)
  }
}

/**
 * What happened to one version, or to several, in one interval or in several that follow each other.
 *
 * @typedef {object} Sums
 * @property {number} seconds
 * @property {number} succeeded
 * @property {number} errors
 * @property {number} invalid
 * @property {number} waiting the most of the intervals
 * @property {number} running the most of the intervals
 * @property {number} rows
 * @property {number} executions
 * @property {number} filled rows of versions that batch
 * @property {number} room rows that their executions could have had
 * @property {number} queue
 * @property {number} input
 * @property {number} infer
 * @property {number} output
 * @property {Array<number>} durations
 */

/** @param {number} seconds @param {number} buckets @returns {Sums} */
export const nothing = (seconds, buckets) => ({
  seconds,
  succeeded: 0,
  errors: 0,
  invalid: 0,
  waiting: 0,
  running: 0,
  rows: 0,
  executions: 0,
  filled: 0,
  room: 0,
  queue: 0,
  input: 0,
  infer: 0,
  output: 0,
  durations: new Array(buckets).fill(0)
})

/** All that adds up, whether over versions or over time. */
const added = /** @type {const} */ ([
  "succeeded",
  "errors",
  "invalid",
  "rows",
  "executions",
  "filled",
  "room",
  "queue",
  "input",
  "infer",
  "output"
])

/** @param {Sums} into @param {Sums} more */
export const add = (into, more) => {
  for (const name of added) into[name] += more[name]
  for (let i = 0; i < into.durations.length; i++) {
    into.durations[i] = (into.durations[i] ?? 0) + (more.durations[i] ?? 0)
  }
}

/**
 * What happened to versions in the same interval.
 *
 * @param {number} seconds
 * @param {number} buckets
 * @param {ReadonlyArray<{ readonly now: ConsoleFigures, readonly change: ReturnType<typeof difference>, readonly most: number }>} versions
 */
export const sumsOf = (seconds, buckets, versions) => {
  const sums = nothing(seconds, buckets)
  for (const { change, most, now } of versions) {
    add(sums, { ...sums, ...change, filled: most > 0 ? change.rows : 0, room: most > 0 ? change.executions * most : 0 })
    sums.waiting += now.waiting
    sums.running += now.running
  }
  return sums
}

/**
 * What there is to say of an interval that ended at a moment.
 *
 * @param {number} at
 * @param {ReadonlyArray<number>} boundsMillis
 * @param {Sums} sums
 * @returns {Point}
 */
export const pointOf = (at, boundsMillis, sums) => {
  const { durations, executions, seconds, succeeded } = sums
  return {
    at,
    seconds,
    rate: succeeded / seconds,
    errors: sums.errors / seconds,
    invalid: sums.invalid / seconds,
    p50: quantile(boundsMillis, durations, 0.5) * 1000,
    p99: quantile(boundsMillis, durations, 0.99) * 1000,
    waiting: sums.waiting,
    running: sums.running,
    rows: sums.rows / executions,
    // An execution that has begun in one interval may be counted in the next.
    fullness: Math.min(1, sums.filled / sums.room),
    queue: sums.queue / succeeded,
    input: sums.input / succeeded,
    infer: sums.infer / succeeded,
    output: sums.output / succeeded
  }
}
