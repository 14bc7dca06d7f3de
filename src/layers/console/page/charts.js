/** Charts of the last minutes: one small drawing for each thing worth watching. */
import { h, say, set } from "./dom.js"
import * as format from "./format.js"
import * as Plot from "./plot.js"

/** @import { Point } from "./intervals.js" */

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
 * @property {"line" | "stack" | "decades"} kind `decades`: each power of ten has the same height
 * @property {number} least the scale reaches at least so far
 * @property {number} [top] where the scale ends; else where the values do
 * @property {(value: number) => readonly [number: string, unit: string]} say
 */

/** @param {string} unit @returns {Spec["say"]} */
const counted = (unit) => (value) => [format.count(value), unit]

/** @type {ReadonlyArray<Spec>} */
const specs = [
  {
    id: "rate",
    title: "Requests",
    kind: "line",
    series: [{ name: "answered", tone: "sea", value: ({ rate }) => rate }],
    least: 5,
    say: counted("/s")
  },
  {
    id: "latency",
    title: "Latency",
    kind: "decades",
    series: [
      { name: "p50", tone: "sea", value: ({ p50 }) => p50 },
      { name: "p99", tone: "amber", value: ({ p99 }) => p99 }
    ],
    least: 1000,
    say: format.durationParts
  },
  {
    id: "where",
    title: "Where the time goes",
    kind: "stack",
    series: [
      { name: "queue", tone: "amber", value: ({ queue }) => queue },
      { name: "compute", tone: "sea", value: ({ infer }) => infer },
      { name: "copying", tone: "iris", value: ({ input, output }) => input + output }
    ],
    least: 100,
    say: format.durationParts
  },
  {
    id: "queue",
    title: "Waiting",
    kind: "line",
    series: [{ name: "requests in queues", tone: "amber", value: ({ waiting }) => waiting }],
    least: 4,
    say: counted("")
  },
  {
    id: "batch",
    title: "Batch fullness",
    kind: "line",
    series: [{ name: "of the largest batch", tone: "iris", value: ({ fullness }) => fullness * 100 }],
    least: 100,
    top: 100,
    say: (value) => [Number.isFinite(value) ? String(Math.round(value)) : "–", "%"]
  },
  {
    id: "errors",
    title: "Errors",
    kind: "line",
    series: [
      { name: "failed or refused", tone: "coral", value: ({ errors }) => errors },
      { name: "invalid", tone: "amber", value: ({ invalid }) => invalid }
    ],
    least: 1,
    say: counted("/s")
  }
]

/** @param {Series["value"]} value @param {number} otherwise @param {ReadonlyArray<Point>} points @param {(a: number, b: number) => number} choose */
const extreme = (value, otherwise, points, choose) => {
  let found = otherwise
  for (const point of points) {
    const one = value(point)
    if (one > 0) found = choose(found, one)
  }
  return found
}

/**
 * How high values are drawn, and where lines across help to read them.
 *
 * @param {Spec} spec
 * @param {ReadonlyArray<Point>} points
 */
const scaleOf = ({ kind, least, series, top }, points) => {
  if (kind === "decades") {
    let low = least, high = least
    for (const { value } of series) {
      low = extreme(value, low, points, Math.min)
      high = extreme(value, high, points, Math.max)
    }
    const from = Math.floor(Math.log10(low))
    const to = Math.max(from + 1, Math.ceil(Math.log10(high)))
    return {
      bottom: 10 ** from,
      top: 10 ** to,
      share: (/** @type {number} */ value) => (Math.log10(value) - from) / (to - from),
      rules: Array.from({ length: to - from + 1 }, (_, i) => i / (to - from))
    }
  }
  const total = (/** @type {Point} */ point) => series.reduce((sum, { value }) => sum + value(point), 0)
  let most = least
  for (const value of kind === "stack" ? [total] : series.map(({ value }) => value)) {
    most = extreme(value, most, points, Math.max)
  }
  const end = top ?? Plot.ceiling(most)
  return { bottom: 0, top: end, share: (/** @type {number} */ value) => value / end, rules: [0, 0.5, 1] }
}

/** @param {Spec} spec */
const makeValues = ({ series }) =>
  series.map(({ name, tone }) => {
    const number = h("span", { class: "value" }, "–")
    const unit = h("span", { class: "unit" })
    const label = [h("span", { class: `key ${tone}`, "aria-hidden": "true" }), h("span", { class: "label" }, name)]
    const element = h(
      "p",
      { class: series.length === 1 ? "big" : "big pair" },
      ...(series.length === 1 ? [] : label),
      number,
      unit
    )
    return {
      element,
      /** @param {readonly [string, string]} parts */
      say: (parts) => {
        say(number, parts[0])
        say(unit, parts[1])
      }
    }
  })

/** @param {Spec} spec @param {(share: number | undefined) => void} onPoint */
const makeChart = (spec, onPoint) => {
  const values = makeValues(spec)
  const layers = spec.series.map(({ tone }) => ({
    area: Plot.path(`area ${tone} of-${spec.kind}`),
    line: Plot.path(`line ${tone}`)
  }))
  const rules = h("g")
  const cursor = h("line", { class: "cursor", y1: 0, y2: Plot.height, "vector-effect": "non-scaling-stroke" })
  const svg = h(
    "svg",
    { viewBox: `0 0 ${Plot.width} ${Plot.height}`, preserveAspectRatio: "none", role: "img", "aria-label": spec.title },
    rules,
    ...layers.flatMap(({ area, line }) => spec.kind === "stack" ? [area] : [area, line]),
    cursor
  )
  const top = h("span", { class: "scale", "aria-hidden": "true" })
  const bottom = h("span", { class: "scale low", "aria-hidden": "true" })
  const plot = h("div", { class: spec.kind === "decades" ? "plot two-ends" : "plot" }, svg, top, bottom)
  plot.addEventListener("pointermove", (event) => {
    const { left, width } = plot.getBoundingClientRect()
    onPoint((event.clientX - left) / width)
  })
  plot.addEventListener("pointerleave", () => onPoint(undefined))
  let ruled = ""

  return {
    element: h(
      "article",
      { class: "chart", id: `chart-${spec.id}` },
      h("h3", {}, spec.title),
      h("div", { class: "values" }, ...values.map(({ element }) => element)),
      plot
    ),
    /** @param {ReadonlyArray<Point>} points @param {Point | undefined} chosen @param {Plot.View & { readonly looksBack: boolean }} view */
    draw: (points, chosen, view) => {
      const scale = scaleOf(spec, points)
      say(top, spec.say(scale.top).join("\u00a0").trim())
      say(bottom, scale.bottom === 0 ? "" : spec.say(scale.bottom).join("\u00a0"))
      if (ruled !== scale.rules.join()) {
        ruled = scale.rules.join()
        rules.replaceChildren(...scale.rules.map(Plot.rule))
      }
      const nothing = spec.series.every(({ value }) => points.every((point) => value(point) === 0))
      for (const [i, { area, line }] of layers.entries()) {
        const below = spec.kind === "stack" ? spec.series.slice(0, i) : []
        const drawn = Plot.outline(points, (point) => {
          const base = below.reduce((sum, { value }) => sum + value(point), 0)
          return [
            spec.kind === "decades" ? 0 : scale.share(base),
            scale.share(base + (spec.series[i]?.value(point) ?? NaN))
          ]
        }, view)
        set(area, "d", nothing ? "" : drawn.area)
        set(line, "d", nothing ? "" : drawn.line)
      }
      const x = view.looksBack && chosen !== undefined ? Plot.xOf(chosen.at, view) : -10
      set(cursor, "x1", x)
      set(cursor, "x2", x)
      const said = spec.series.map(({ name, value }, i) => {
        const parts = spec.say(chosen === undefined ? NaN : value(chosen))
        values[i]?.say(parts)
        return `${spec.series.length === 1 ? "" : name} ${parts.join(" ")}`.trim()
      })
      set(svg, "aria-label", `${spec.title}: ${said.join(", ")}. The scale ends at ${spec.say(scale.top).join(" ")}.`)
    }
  }
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
    /** @param {ReadonlyArray<Point>} points @param {Point | undefined} chosen @param {Plot.View & { readonly looksBack: boolean }} view */
    draw: (points, chosen, view) => {
      const seen = Plot.within(points, view)
      for (const { draw } of charts) draw(seen, chosen, view)
    }
  }
}
