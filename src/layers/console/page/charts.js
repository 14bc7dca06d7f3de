/** Charts of the last minutes: one small drawing for each thing worth watching. */
import { h, say, set } from "./dom.js"
import * as format from "./format.js"
import { windowMillis } from "./history.js"

/** @import { Point } from "./history.js" */

const width = 600
const height = 100
/** Without a point for so long the line is broken. */
const gapMillis = 3500

/**
 * One line, or one layer of a stack.
 *
 * @typedef {object} Series
 * @property {string} name
 * @property {string} tone
 * @property {(point: Point) => number} value
 */

/**
 * @typedef {object} Spec
 * @property {string} id
 * @property {string} title
 * @property {ReadonlyArray<Series>} series
 * @property {boolean} [stacked]
 * @property {number} [top] where the scale ends; else where the values do
 * @property {number} least the scale reaches at least so far
 * @property {(value: number) => readonly [number: string, unit: string]} say
 */

/** @param {string} unit @returns {Spec["say"]} */
const counted = (unit) => (value) => [format.count(value), unit]

/** @type {ReadonlyArray<Spec>} */
const specs = [
  {
    id: "rate",
    title: "Requests",
    series: [{ name: "answered", tone: "sea", value: ({ rate }) => rate }],
    least: 5,
    say: counted("/s")
  },
  {
    id: "latency",
    title: "Latency",
    series: [
      { name: "p50", tone: "sea", value: ({ p50 }) => p50 },
      { name: "p99", tone: "amber", value: ({ p99 }) => p99 }
    ],
    least: 500,
    say: format.durationParts
  },
  {
    id: "where",
    title: "Where the time goes",
    stacked: true,
    series: [
      { name: "queue", tone: "amber", value: ({ queue }) => queue },
      { name: "input", tone: "mist", value: ({ input }) => input },
      { name: "compute", tone: "sea", value: ({ infer }) => infer },
      { name: "output", tone: "iris", value: ({ output }) => output }
    ],
    least: 200,
    say: format.durationParts
  },
  {
    id: "queue",
    title: "Waiting",
    series: [{ name: "requests in queues", tone: "amber", value: ({ waiting }) => waiting }],
    least: 4,
    say: counted("")
  },
  {
    id: "batch",
    title: "Batch fullness",
    series: [{ name: "of the largest batch", tone: "iris", value: ({ fullness }) => fullness * 100 }],
    least: 100,
    top: 100,
    say: (value) => [Number.isFinite(value) ? String(Math.round(value)) : "–", "%"]
  },
  {
    id: "errors",
    title: "Errors",
    series: [{ name: "failed or refused", tone: "coral", value: ({ errors }) => errors }],
    least: 1,
    say: counted("/s")
  }
]

/** The next round number. @param {number} value */
export const ceiling = (value) => {
  const power = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 2.5, 5, 10]) if (value <= step * power * 1.0001) return step * power
  return 10 * power
}

/** @param {number} at @param {number} now */
const xOf = (at, now) => width - (now - at) / windowMillis * width

/**
 * The outlines of a series: pairs of the upper and the lower edge, each without gaps.
 *
 * @param {ReadonlyArray<Point>} points
 * @param {(point: Point) => readonly [lower: number, upper: number]} edges
 * @param {number} now
 * @param {number} top
 */
const outline = (points, edges, now, top) => {
  let line = ""
  let area = ""
  /** @type {Array<string>} */
  let upper = []
  /** @type {Array<string>} */
  let lower = []
  const flush = () => {
    if (upper.length > 0) {
      line += `M${upper.join("L")}`
      area += `M${upper.join("L")}L${lower.reverse().join("L")}Z`
      if (upper.length === 1) line += "h0.01"
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
    const x = xOf(point.at, now).toFixed(1)
    const y = (/** @type {number} */ value) => (height - Math.min(1, value / top) * (height - 4) - 1).toFixed(1)
    upper.push(`${x} ${y(high)}`)
    lower.push(`${x} ${y(low)}`)
  }
  flush()
  return { line, area }
}

/** @param {Spec} spec @param {(share: number | undefined) => void} onPoint */
const makeChart = (spec, onPoint) => {
  const values = spec.series.map(({ name, tone }) => {
    const number = h("span", { class: "value" }, "–")
    const unit = h("span", { class: "unit" })
    const element = spec.series.length === 1
      ? h("p", { class: "big" }, number, unit)
      : h(
        "p",
        { class: `big small` },
        h("span", { class: `key ${tone}`, "aria-hidden": "true" }),
        h("span", { class: "label" }, name),
        number,
        unit
      )
    return { element, number, unit }
  })
  const layers = spec.series.map(({ tone }) => ({
    area: h("path", { class: `area ${tone}${spec.stacked ? " solid" : ""}` }),
    line: h("path", { class: `line ${tone}`, "vector-effect": "non-scaling-stroke" })
  }))
  const cursor = h("line", { class: "cursor", y1: 0, y2: height, "vector-effect": "non-scaling-stroke" })
  const svg = h(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": spec.title },
    ...[0.02, 0.5, 0.99].map((y) =>
      h("line", {
        class: "grid",
        x1: 0,
        x2: width,
        y1: y * height,
        y2: y * height,
        "vector-effect": "non-scaling-stroke"
      })
    ),
    ...layers.map(({ area }) => area),
    ...(spec.stacked ? [] : layers.map(({ line }) => line)),
    cursor
  )
  const scale = h("span", { class: "scale", "aria-hidden": "true" })
  const plot = h("div", { class: "plot" }, svg, scale)
  plot.addEventListener("pointermove", (event) => {
    const { left, width } = plot.getBoundingClientRect()
    onPoint((event.clientX - left) / width)
  })
  plot.addEventListener("pointerleave", () => onPoint(undefined))
  const element = h(
    "article",
    { class: "chart", id: `chart-${spec.id}` },
    h("h3", {}, spec.title),
    h("div", { class: spec.series.length === 1 ? "values" : "values many" }, ...values.map(({ element }) => element)),
    plot
  )
  /** @param {ReadonlyArray<Point>} points @param {Point | undefined} chosen @param {number} now @param {boolean} looksBack */
  const draw = (points, chosen, now, looksBack) => {
    let most = spec.least
    const total = (/** @type {Point} */ point) => {
      let sum = 0
      for (const { value } of spec.series) sum += value(point)
      return sum
    }
    for (const point of points) {
      if (spec.stacked) most = Math.max(most, total(point) || 0)
      else for (const { value } of spec.series) most = Math.max(most, value(point) || 0)
    }
    const top = spec.top ?? ceiling(most)
    say(scale, spec.say(top).join("\u00a0").trim())
    spec.series.forEach(({ value }, i) => {
      /** @type {(point: Point) => readonly [number, number]} */
      const edges = (point) => {
        if (!spec.stacked) return [0, value(point)]
        let below = 0
        for (const other of spec.series.slice(0, i)) below += other.value(point)
        return [below, below + value(point)]
      }
      const { area, line } = outline(points, edges, now, top)
      set(/** @type {Element} */ (layers[i]?.area), "d", area)
      set(/** @type {Element} */ (layers[i]?.line), "d", line)
    })
    const x = looksBack && chosen !== undefined ? xOf(chosen.at, now) : -10
    set(cursor, "x1", x)
    set(cursor, "x2", x)
    /** @type {Array<string>} */
    const said = []
    spec.series.forEach(({ name, value }, i) => {
      const [number, unit] = spec.say(chosen === undefined ? NaN : value(chosen))
      say(/** @type {Element} */ (values[i]?.number), number)
      say(/** @type {Element} */ (values[i]?.unit), unit)
      said.push(`${spec.series.length === 1 ? "" : `${name} `}${number} ${unit}`.trim())
    })
    set(svg, "aria-label", `${spec.title}: ${said.join(", ")}; the scale ends at ${spec.say(top).join(" ")}`)
  }
  return { element, draw }
}

/**
 * Draws the charts into an element. `onPoint` is told to where somebody points: a share of the width.
 *
 * @param {Element} parent
 * @param {(share: number | undefined) => void} onPoint
 */
export const make = (parent, onPoint) => {
  const charts = specs.map((spec) => makeChart(spec, onPoint))
  parent.append(...charts.map(({ element }) => element))
  return {
    /** @param {ReadonlyArray<Point>} points @param {Point | undefined} chosen @param {number} now @param {boolean} looksBack */
    draw: (points, chosen, now, looksBack) => {
      const seen = points.filter(({ at }) => at > now - windowMillis)
      for (const { draw } of charts) draw(seen, chosen, now, looksBack)
    }
  }
}

/** A line without anything around it. */
export const makeSpark = () => {
  const area = h("path", { class: "area sea" })
  const line = h("path", { class: "line sea", "vector-effect": "non-scaling-stroke" })
  const element = h(
    "svg",
    { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    area,
    line
  )
  return {
    element,
    /** @param {ReadonlyArray<Point>} points @param {number} now */
    draw: (points, now) => {
      const seen = points.filter(({ at }) => at > now - windowMillis)
      let most = 1
      for (const { rate } of seen) most = Math.max(most, rate)
      const drawn = outline(seen, ({ rate }) => [0, rate], now, most)
      set(area, "d", drawn.area)
      set(line, "d", drawn.line)
    }
  }
}
