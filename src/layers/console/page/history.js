/** Remembers what happened in the last minutes: a point for each second, and rows of five seconds. */
import { add, difference, nothing, pointOf, sumsOf } from "./intervals.js"

/** @import { ConsoleAnswer, ConsoleFigures, ConsoleModel } from "../../../schema/ConsoleState.ts" */
/** @import { Point, Sums } from "./intervals.js" */

/** Points that are kept: one a second. */
const capacity = 240
const leastSeconds = 0.7
const latelyPoints = 10
/** Rows of the table that are kept, and seconds that each covers: answers do not come to the millisecond, so a little less will do. */
const rowCapacity = 12
const rowSeconds = 4.8

/** @param {{ readonly model: string, readonly version: string }} figures */
export const keyOf = ({ model, version }) => `${model}\u0000${version}`

export class History {
  constructor() {
    /** @type {Map<string, ConsoleFigures>} */
    this.last = new Map()
    /** @type {Map<string, Array<Point>>} */
    this.points = new Map()
    /** @type {Map<string, Array<Point>>} */
    this.rows = new Map()
    /** What the next row has so far. @type {Map<string, Sums>} */
    this.open = new Map()
    this.openSeconds = 0
    this.lastAt = 0
  }

  /** Points of a version, or of all (`""`), oldest first. @param {string} key @returns {ReadonlyArray<Point>} */
  of(key) {
    return this.points.get(key) ?? []
  }

  /**
   * The same in rows of five seconds, each with all that happened in them; one that is not over is none yet.
   *
   * @param {string} key
   * @returns {ReadonlyArray<Point>}
   */
  rowsOf(key) {
    return this.rows.get(key) ?? []
  }

  /** Requests a second in the last points. @param {string} key */
  lately(key) {
    const points = this.of(key).slice(-latelyPoints)
    return points.reduce((sum, { rate }) => sum + rate, 0) / Math.max(1, points.length)
  }

  /** Takes up what the server said. @param {ConsoleAnswer} answer */
  add({ atMillis, boundsMillis = [], figures, models = [] }) {
    if (figures === undefined) return
    const seconds = (atMillis - this.lastAt) / 1000
    // The server's clock was set back, or another server answers: what lies in its future is nothing to go on from.
    const back = seconds < 0
    if (back) {
      for (const [key, points] of this.points) {
        this.points.set(
          key,
          points.filter(({ at }) => at < atMillis)
        )
      }
    }
    const first = back || this.lastAt === 0
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
    const buckets = boundsMillis.length + 1
    /** @param {string} key @param {typeof versions} of */
    const note = (key, of) => {
      const sums = sumsOf(seconds, buckets, of)
      push(this.points, key, pointOf(atMillis, boundsMillis, sums), capacity)
      const row = this.open.get(key) ?? nothing(0, buckets)
      add(row, sums)
      row.waiting = Math.max(row.waiting, sums.waiting)
      row.running = Math.max(row.running, sums.running)
      this.open.set(key, row)
    }
    for (const one of versions) note(one.key, [one])
    // An ensemble's requests are those of its clients; its steps run for it, and count by themselves.
    note("", versions)
    this.openSeconds += seconds
    if (this.openSeconds >= rowSeconds) {
      // A version that came within a row had no requests before.
      for (const [key, row] of this.open) {
        push(this.rows, key, pointOf(atMillis, boundsMillis, { ...row, seconds: this.openSeconds }), rowCapacity)
      }
      this.open.clear()
      this.openSeconds = 0
    }
    for (const kept of [this.points, this.rows, this.open]) {
      for (const key of kept.keys()) if (key !== "" && !this.last.has(key)) kept.delete(key)
    }
  }
}

/** @param {Map<string, Array<Point>>} all @param {string} key @param {Point} point @param {number} most */
const push = (all, key, point, most) => {
  const points = all.get(key)
  if (points === undefined) all.set(key, [point])
  else {
    points.push(point)
    if (points.length > most) points.shift()
  }
}

/** Rows that a run of it has room for; 0 where that means nothing. @param {ConsoleModel | undefined} model */
const limitOf = (model) =>
  model?.loaded === undefined || model.loaded.scheduling === "ensemble" ? 0 : model.loaded.maxBatchSize
