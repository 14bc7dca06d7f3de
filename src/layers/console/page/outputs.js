/** What a model has answered. */
import { h } from "./dom.js"
import * as Values from "./values.js"

/** @typedef {{ readonly name: string, readonly datatype: string, readonly shape: ReadonlyArray<number>, readonly data?: ReadonlyArray<unknown> }} Output */

/** Values of an output that are shown. */
const maxShown = 512

/** Bars of the first values, where they are numbers. @param {Output} output */
const makeBars = ({ data = [], shape }) => {
  const width = shape[shape.length - 1] ?? 0
  const first = data.slice(0, Math.min(width, 64)).filter((value) => typeof value === "number")
  if (first.length < 4 || first.length !== Math.min(width, 64)) return null
  const most = Math.max(...first.map(Math.abs))
  if (most === 0) return null
  return h(
    "div",
    { class: "bars", "aria-hidden": "true" },
    ...first.map((value) => {
      const bar = h("span", { class: value < 0 ? "bar below" : "bar" })
      bar.style.height = `${Math.max(2, Math.abs(value) / most * 100)}%`
      return bar
    })
  )
}

/** @param {Output} output */
export const makeOutput = (output) => {
  const { data = [], datatype, name, shape } = output
  const more = data.length - maxShown
  return h(
    "section",
    { class: "output", "aria-label": `Output ${name}` },
    h("h3", {}, h("bdi", { class: "mono" }, name), h("span", { class: "chip" }, `${datatype} ${shape.join(" × ")}`)),
    makeBars(output),
    data.length === 0 ? h("p", { class: "hint" }, "empty") : h(
      "pre",
      { class: "values-text", tabindex: 0, role: "group", "aria-label": `Values of ${name}` },
      Values.showRows(data, shape, maxShown)
    ),
    more > 0 ? h("p", { class: "hint" }, `and ${more.toLocaleString("en")} more`) : null
  )
}
