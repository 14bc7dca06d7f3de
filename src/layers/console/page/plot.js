/** Lines over time, as paths. */
import { h, set } from "./dom.js"

/** @import { Point } from "./intervals.js" */

export const width = 600
export const height = 100
/** Without a point for so long the line is broken. */
const gapMillis = 3500

/**
 * What part of time is seen.
 *
 * @typedef {object} View
 * @property {number} now milliseconds since 1970 at the right edge
 * @property {number} span milliseconds from edge to edge
 */

/** @param {number} at @param {View} view */
export const xOf = (at, { now, span }) => width - (now - at) / span * width

/** @param {number} share of the height, from 0 to 1 */
const yOf = (share) => height - 1 - Math.max(0, Math.min(1, share)) * (height - 4)

/** @param {ReadonlyArray<Point>} points @param {View} view */
export const within = (points, { now, span }) => points.filter(({ at }) => at >= now - span - 1000)

/**
 * The next number that is easy to read.
 *
 * @param {number} value
 */
export const ceiling = (value) => {
  const power = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 2.5, 5]) if (value <= step * power * 1.0001) return step * power
  return 10 * power
}

/**
 * A line and the area below it, both broken where there is nothing. `edges` are shares of the height.
 *
 * @param {ReadonlyArray<Point>} points
 * @param {(point: Point) => readonly [lower: number, upper: number]} edges
 * @param {View} view
 */
export const outline = (points, edges, view) => {
  let line = ""
  let area = ""
  /** @type {Array<string>} */
  let upper = []
  /** @type {Array<string>} */
  let lower = []
  const flush = () => {
    if (upper.length > 0) {
      line += `M${upper.join("L")}${upper.length === 1 ? "h0.01" : ""}`
      area += `M${upper.join("L")}L${lower.reverse().join("L")}Z`
    }
    upper = []
    lower = []
  }
  /** @type {number | undefined} */
  let last
  for (const point of points) {
    const [low, high] = edges(point)
    if (!Number.isFinite(high) || (last !== undefined && point.at - last > gapMillis)) flush()
    last = point.at
    if (!Number.isFinite(high)) continue
    const x = xOf(point.at, view).toFixed(1)
    upper.push(`${x} ${yOf(high).toFixed(1)}`)
    lower.push(`${x} ${yOf(low).toFixed(1)}`)
  }
  flush()
  return { line, area }
}

/** A path that keeps its thickness. @param {string} look */
export const path = (look) => h("path", { class: look, "vector-effect": "non-scaling-stroke" })

/** A straight line across, at a share of the height. @param {number} share */
export const rule = (share) =>
  h("line", {
    class: "grid",
    x1: 0,
    x2: width,
    y1: yOf(share),
    y2: yOf(share),
    "vector-effect": "non-scaling-stroke"
  })

/** A line without anything around it. */
export const makeSpark = () => {
  const area = path("area sea")
  const line = path("line sea")
  const element = h(
    "svg",
    { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    area,
    line
  )
  return {
    element,
    /** @param {ReadonlyArray<Point>} points @param {View} view */
    draw: (points, view) => {
      const seen = within(points, view)
      let most = 0
      for (const { rate } of seen) most = Math.max(most, rate)
      const drawn = most === 0 ? { area: "", line: "" } : outline(seen, ({ rate }) => [0, rate / most], view)
      set(area, "d", drawn.area)
      set(line, "d", drawn.line)
    }
  }
}
