/** The table of models. */
import { h, keyed, say, set } from "./dom.js"
import * as format from "./format.js"
import { keyOf } from "./history.js"
import { makeSpark } from "./plot.js"
import { busiest } from "./ranking.js"

/** @import { ConsoleFigures, ConsoleModel } from "../../../schema/ConsoleState.ts" */
/** @import { History } from "./history.js" */
/** @import { View } from "./plot.js" */

/** Rows find their new places so often, by what was asked of them lately. */
const orderMillis = 5000

/** What a state is called here, and how it looks. */
const states = /** @type {Readonly<Record<string, readonly [string, string]>>} */ ({
  READY: ["ready", "good"],
  LOADING: ["loading", "busy"],
  UNLOADING: ["unloading", "busy"],
  UNAVAILABLE: ["not available", "bad"]
})

/** @param {ConsoleModel} model @returns {readonly [string, string]} */
const stateOf = ({ loaded, onDemand, reason, state }) => {
  if (onDemand) return ["loads on demand", "idle"]
  if (loaded !== undefined && !loaded.healthy) return ["no instance is up", "bad"]
  if (state === "UNAVAILABLE" && reason === "unloaded") return ["unloaded", "idle"]
  return states[state ?? ""] ?? ["not loaded", "idle"]
}

/** @param {ConsoleModel} model @param {ConsoleFigures | undefined} figures */
const describe = ({ loaded, reason, state }, figures) => {
  if (loaded === undefined) return state === "READY" ? "" : reason ?? ""
  const { instances, maxBatchSize, scheduling } = loaded
  const parts = [
    scheduling === "ensemble" ? "ensemble" : maxBatchSize > 1 ? `batches up to ${maxBatchSize}` : "no batching"
  ]
  if (scheduling === "sequence") {
    const counts = figures?.sequences
    parts.push(counts === undefined ? "sequences" : `${counts.live} of ${counts.slots} sequence slots`)
  }
  if (instances > 0) parts.push(format.plural(instances, "instance"))
  if (figures !== undefined && figures.lost > 0) parts.push(`${format.count(figures.lost)} lost`)
  if (figures !== undefined && figures.retried > 0) parts.push(`${format.plural(figures.retried, "request")} run again`)
  // Ready, with something that an operator should know of.
  if (reason !== undefined && reason !== "") parts.push(reason)
  return parts.join(" · ")
}

/** @param {ConsoleModel} model */
export const modelKey = ({ name, version }) => keyOf({ model: name, version: version ?? "" })

/**
 * @param {Element} body
 * @param {{ readonly onScope: (key: string) => void, readonly onTry: (model: ConsoleModel) => void }} actions
 */
export const make = (body, { onScope, onTry }) => {
  /** @type {WeakMap<HTMLElement, { readonly update: (model: ConsoleModel, figures: ConsoleFigures | undefined, history: History, view: View & { readonly scope: string }) => void }>} */
  const rows = new WeakMap()
  /** Keys of the busy ones, in the order of their rows. @type {ReadonlyArray<string>} */
  let busy = []
  let orderedAt = -Infinity

  /** @param {ConsoleModel} first */
  const makeRow = (first) => {
    let current = first
    const key = modelKey(first)
    const name = h(
      "button",
      { type: "button", class: "name", onclick: () => onScope(key) },
      h("bdi", {}, first.name),
      first.version === undefined ? null : h("span", { class: "version" }, ` ${first.version}`)
    )
    const about = h("span", { class: "about" })
    const state = h("span", { class: "badge" })
    const spark = makeSpark()
    const fill = h("span", { class: "fill" })
    const fullness = h("span", { class: "meter-text" })
    const meter = h("span", { class: "meter", "aria-hidden": "true" }, fill)
    const cells = {
      rate: h("td", { class: "num strong" }),
      p50: h("td", { class: "num big-enough" }),
      p99: h("td", { class: "num" }),
      waiting: h("td", { class: "num mid" }),
      running: h("td", { class: "num mid" }),
      errors: h("td", { class: "num mid" })
    }
    const attempt = h("button", {
      type: "button",
      class: "quiet small",
      onclick: () => onTry(current),
      "aria-label": `Try ${format.isolated(first.name)}`
    }, "Try")
    const row = h(
      "tr",
      {},
      h("th", { scope: "row" }, name, about),
      h("td", {}, state),
      cells.rate,
      h("td", { class: "wide" }, spark.element),
      cells.p50,
      cells.p99,
      h("td", { class: "wide" }, meter, fullness),
      cells.waiting,
      cells.running,
      cells.errors,
      h("td", { class: "big-enough" }, attempt)
    )
    rows.set(row, {
      update: (model, figures, history, view) => {
        current = model
        const quiet = history.of(key).every(({ rate }) => rate === 0)
        const [text, look] = stateOf(model)
        say(state, text)
        set(state, "class", `badge ${look}`)
        say(about, describe(model, figures))
        set(name, "aria-pressed", String(view.scope === key))
        set(row, "class", view.scope === key ? "chosen" : quiet ? "idle" : undefined)
        set(attempt, "hidden", model.loaded === undefined && !model.onDemand)
        const points = history.of(key)
        const point = points[points.length - 1]
        say(cells.rate, point === undefined ? "–" : format.count(point.rate))
        say(cells.p50, point === undefined ? "–" : format.duration(point.p50))
        say(cells.p99, point === undefined ? "–" : format.duration(point.p99))
        spark.draw(points, view)
        const batches = point !== undefined && Number.isFinite(point.fullness)
        set(meter, "hidden", !batches)
        fill.style.width = batches ? `${point.fullness * 100}%` : "0"
        say(fullness, batches ? `${format.percent(point.fullness)}, ${format.plural(point.rows, "row")}` : "–")
        say(cells.waiting, figures === undefined ? "–" : format.count(figures.waiting))
        const instances = model.loaded?.instances ?? 0
        say(
          cells.running,
          figures === undefined ? "–" : instances > 0 ? `${figures.running}\u00a0of\u00a0${instances}` : "–"
        )
        const errors = figures === undefined ? undefined : figures.failed + figures.refused + figures.invalid
        say(cells.errors, errors === undefined ? "–" : format.count(errors))
        set(cells.errors, "class", errors !== undefined && errors > 0 ? "num mid bad" : "num mid")
      }
    })
    return row
  }

  return {
    /**
     * Busy ones first. Nothing moves away from somebody who points at a row, or is in it with the keyboard.
     *
     * @param {ReadonlyArray<ConsoleModel>} models by name
     * @param {History} history
     * @param {number} now milliseconds since 1970
     */
    order: (models, history, now) => {
      const isUsed = body.matches(":hover") || body.querySelector(":focus-visible") !== null
      if (!isUsed && now - orderedAt >= orderMillis && history.of("").length > 0) {
        orderedAt = now
        busy = busiest(busy, models.map(modelKey).map((key) => ({ key, rate: history.lately(key) })))
      }
      const places = new Map(busy.map((key, place) => [key, place]))
      const placeOf = (/** @type {ConsoleModel} */ model) => places.get(modelKey(model)) ?? busy.length
      return models.toSorted((a, b) => placeOf(a) - placeOf(b))
    },
    /**
     * @param {ReadonlyArray<ConsoleModel>} models
     * @param {ReadonlyMap<string, ConsoleFigures>} figures
     * @param {History} history
     * @param {View & { readonly scope: string }} view
     */
    draw: (models, figures, history, view) =>
      keyed(
        body,
        models,
        modelKey,
        makeRow,
        (element, model) => rows.get(element)?.update(model, figures.get(modelKey(model)), history, view)
      )
  }
}
