/** Remembers the figures of the last minutes, and makes rates and quantiles of their differences. */

/** @import { ConsoleAnswer, ConsoleFigures, ConsoleModel } from "../../../schema/ConsoleState.ts" */

/**
 * What happened in one interval. Times are microseconds; `NaN` where there is nothing to say.
 *
 * @typedef {object} Point
 * @property {number} at milliseconds since 1970
 * @property {number} rate requests that succeeded, a second
 * @property {number} errors requests that failed, or were turned away for no fault of theirs, a second
 * @property {number} invalid requests that were turned away because the model takes no such requests, a second
 * @property {number} p50
 * @property {number} p99
 * @property {number} waiting
 * @property {number} running
 * @property {number} rows rows of an execution
 * @property {number} fullness rows of executions, as a share of what they could have had
 * @property {number} queue
 * @property {number} input
 * @property {number} infer
 * @property {number} output
 */

/** Points that are kept: one a second. */
const capacity = 240
const leastSeconds = 0.7

/** @param {{ readonly model: string, readonly version: string }} figures */
export const keyOf = ({ model, version }) => `${model}\u0000${version}`

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
const difference = (before, now) => {
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
 * @param {number} at
 * @param {number} seconds
 * @param {ReadonlyArray<number>} boundsMillis
 * @param {ReadonlyArray<{ readonly now: ConsoleFigures, readonly change: ReturnType<typeof difference>, readonly most: number }>} versions
 * @returns {Point}
 */
const pointOf = (at, seconds, boundsMillis, versions) => {
  const durations = boundsMillis.map(() => 0).concat(0)
  let succeeded = 0, errors = 0, invalid = 0, waiting = 0, running = 0, queue = 0, input = 0, infer = 0, output = 0
  let rows = 0, executions = 0, filled = 0, room = 0
  for (const { change, most, now } of versions) {
    succeeded += change.succeeded
    errors += change.errors
    invalid += change.invalid
    waiting += now.waiting
    running += now.running
    queue += change.queue
    input += change.input
    infer += change.infer
    output += change.output
    rows += change.rows
    executions += change.executions
    if (most > 0) {
      filled += change.rows
      room += change.executions * most
    }
    for (let i = 0; i < durations.length; i++) durations[i] = (durations[i] ?? 0) + (change.durations[i] ?? 0)
  }
  return {
    at,
    rate: succeeded / seconds,
    errors: errors / seconds,
    invalid: invalid / seconds,
    p50: quantile(boundsMillis, durations, 0.5) * 1000,
    p99: quantile(boundsMillis, durations, 0.99) * 1000,
    waiting,
    running,
    rows: rows / executions,
    // An execution that has begun in one interval may be counted in the next.
    fullness: Math.min(1, filled / room),
    queue: queue / succeeded,
    input: input / succeeded,
    infer: infer / succeeded,
    output: output / succeeded
  }
}

export class History {
  constructor() {
    /** @type {Map<string, ConsoleFigures>} */
    this.last = new Map()
    /** @type {Map<string, Array<Point>>} */
    this.points = new Map()
    this.lastAt = 0
  }

  /** Points of a version, or of all (`""`), oldest first. @param {string} key @returns {ReadonlyArray<Point>} */
  of(key) {
    return this.points.get(key) ?? []
  }

  /** Takes up what the server said. @param {ConsoleAnswer} answer */
  add({ atMillis, boundsMillis = [], figures, models = [] }) {
    if (figures === undefined) return
    const seconds = (atMillis - this.lastAt) / 1000
    const first = this.lastAt === 0
    // Somebody waits for something, and asks more often: that says too little of rates.
    if (!first && seconds < leastSeconds) return
    this.lastAt = atMillis
    const most = new Map(models.map((model) => [keyOf({ model: model.name, version: model.version ?? "" }), model]))
    const versions = figures.map((now) => {
      const key = keyOf(now)
      const change = difference(this.last.get(key), now)
      return { key, now, change, most: limitOf(most.get(key)) }
    })
    this.last = new Map(figures.map((now) => [keyOf(now), now]))
    if (first) return
    for (const one of versions) this.push(one.key, pointOf(atMillis, seconds, boundsMillis, [one]))
    // An ensemble's requests are those of its clients; its steps run for it, and count by themselves.
    this.push("", pointOf(atMillis, seconds, boundsMillis, versions))
    for (const key of this.points.keys()) if (key !== "" && !this.last.has(key)) this.points.delete(key)
  }

  /** @param {string} key @param {Point} point */
  push(key, point) {
    const points = this.points.get(key)
    if (points === undefined) this.points.set(key, [point])
    else {
      points.push(point)
      if (points.length > capacity) points.shift()
    }
  }
}

/** Rows that a run of it has room for; 0 where that means nothing. @param {ConsoleModel | undefined} model */
const limitOf = (model) =>
  model?.loaded === undefined || model.loaded.scheduling === "ensemble" ? 0 : model.loaded.maxBatchSize
