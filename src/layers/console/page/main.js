/** The console: asks the server once a second while somebody looks, and shows what it says. */
import * as Charts from "./charts.js"
import { byId, h, keyed, say, set } from "./dom.js"
import * as Flows from "./flows.js"
import * as format from "./format.js"
import { History, keyOf } from "./history.js"
import * as Models from "./models.js"
import * as Server from "./server.js"
import * as TryIt from "./tryit.js"

/** @import { ConsoleAnswer, ConsolePart } from "../../../schema/ConsoleState.ts" */
/** @import { Point } from "./intervals.js" */

const intervalMillis = 1000
const leastMillis = 60_000
const mostMillis = 180_000

const scope = /** @type {HTMLSelectElement} */ (byId("scope"))
const scrub = /** @type {HTMLInputElement} */ (byId("scrub"))
const pause = byId("pause")
const find = /** @type {HTMLInputElement} */ (byId("find"))
const history = new History()
/** @type {ConsoleAnswer | undefined} */
let last
let paused = false
/** @type {string | undefined} */
let seenMark
/** Somebody points at a chart: so many milliseconds back. @type {number | undefined} */
let pointed

const charts = Charts.make(byId("charts"), (share) => {
  pointed = share === undefined ? undefined : (1 - share) * windowMillis()
  drawCharts()
})
const flows = Flows.make({
  list: byId("flow-list"),
  detail: byId("flow-detail"),
  order: /** @type {HTMLSelectElement} */ (byId("order")),
  hint: byId("requests-hint")
})
const tryIt = TryIt.make(
  {
    select: /** @type {HTMLSelectElement} */ (byId("try-model")),
    form: /** @type {HTMLFormElement} */ (byId("try-form")),
    verdict: byId("try-verdict"),
    result: byId("try-result")
  },
  { mark: () => last?.flowMark ?? "", findFlow: flows.find, look: () => poll() }
)
const models = Models.make(byId("models-rows"), {
  onScope: (key) => {
    scope.value = scope.value === key ? "" : key
    flows.add([], scope.value)
    draw()
  },
  onTry: (model) => tryIt.choose(Models.modelKey(model))
})

/** @param {string} state @param {string} text */
const tell = (state, text) => {
  set(byId("status"), "data-state", state)
  say(byId("status-text"), text)
}

/** What the charts show: a minute at first, and more as there is more. */
const windowMillis = () => {
  const first = history.of("")[0]
  return first === undefined || last === undefined
    ? leastMillis
    : Math.min(mostMillis, Math.max(leastMillis, last.atMillis - first.at))
}

const drawCharts = () => {
  const points = history.of(scope.value)
  const now = last?.atMillis ?? 0
  const back = pointed ?? -scrub.valueAsNumber * 1000
  const looksBack = back > 0
  /** @type {Point | undefined} */
  let chosen = points[points.length - 1]
  if (looksBack) {
    for (const point of points) {
      if (Math.abs(point.at - now + back) < Math.abs((chosen?.at ?? 0) - now + back)) chosen = point
    }
  }
  const span = windowMillis()
  set(scrub, "min", -Math.floor(span / 1000))
  const lasting = span < 90_000 ? "minute" : `${Math.round(span / 60_000)} minutes`
  say(byId("window"), points.length === 0 ? "" : `The last ${lasting}`)
  charts.draw(points, chosen, { now, span, looksBack })
  const text = !looksBack || chosen === undefined ? "now" : format.time(chosen.at)
  say(byId("scrub-time"), text)
  set(scrub, "aria-valuetext", text)
  if (/** @type {HTMLDetailsElement} */ (byId("figures")).open) drawTable()
}

const drawTable = () => {
  byId("figures-rows").replaceChildren(
    ...history.rowsOf(scope.value).toReversed().map((row) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, `${format.time(row.at - row.seconds * 1000)} – ${format.time(row.at)}`),
        ...[
          format.count(row.rate),
          format.duration(row.p50),
          format.duration(row.p99),
          format.count(row.waiting),
          format.percent(row.fullness),
          format.count(row.errors),
          format.count(row.invalid)
        ].map((text) => h("td", {}, text))
      )
    )
  )
}

/** The header that a part lacks. @param {ConsoleAnswer} answer @param {ConsolePart} part */
const headerOf = ({ restricted }, part) => restricted.find((one) => one.part === part)?.header

/** Fields for the headers that restricted parts want. @param {ConsoleAnswer["restricted"]} restricted */
const drawKeys = (restricted) => {
  const names = [...new Set(restricted.map(({ header }) => header))]
  const notice = byId("keys")
  if (names.length === 0 && notice.contains(document.activeElement)) byId("main").focus()
  notice.hidden = names.length === 0
  keyed(byId("keys-form"), names, (name) => name, (name) => {
    const field = /** @type {HTMLInputElement} */ (h("input", { type: "password", autocomplete: "off" }))
    const problem = h("p", { class: "problem", role: "alert" })
    field.addEventListener("change", () => {
      const wrong = Server.setKey(name, field.value)
      say(problem, wrong ?? "")
      set(field, "aria-invalid", wrong === undefined ? undefined : "true")
      void poll()
    })
    return h("div", {}, h("label", {}, h("span", {}, "Header ", h("code", {}, name)), field), problem)
  })
}

const draw = () => {
  if (last === undefined) return
  const { figures = [], models: rows = [], omittedModels = 0, restricted, server } = last
  if (server !== undefined) {
    const title = `${format.isolated(server.name)} – Galatea console`
    if (document.title !== title) document.title = title
    say(
      byId("since"),
      `${format.isolated(server.name)} · ${server.version} · up ${format.span(last.atMillis - server.startedAtMillis)}`
    )
  }
  keyed(
    scope,
    [
      { key: "", text: "all models" },
      ...rows.filter(({ loaded }) => loaded !== undefined).map((model) => ({
        key: Models.modelKey(model),
        text: `${format.isolated(model.name)} ${model.version ?? ""}`
      }))
    ],
    ({ key }) => `k${key}`,
    ({ key, text }) => h("option", { value: key }, text)
  )
  const wanted = find.value.trim().toLowerCase()
  const ordered = models.order(rows, history, last.atMillis)
  const found = wanted === "" ? ordered : ordered.filter(({ name }) => name.toLowerCase().includes(wanted))
  models.draw(found, new Map(figures.map((one) => [keyOf(one), one])), history, {
    now: last.atMillis,
    span: windowMillis(),
    scope: scope.value
  })
  const ready = rows.filter(({ loaded }) => loaded?.healthy === true).length
  say(
    byId("models-hint"),
    headerOf(last, "models") !== undefined
      ? "Restricted"
      : rows.length === 0
      ? "None is known"
      : `${ready} of ${rows.length} ready${omittedModels > 0 ? `, and ${omittedModels} more that are not shown` : ""}`
  )
  drawKeys(restricted)
  drawCharts()
}

/** @type {Promise<void> | undefined} */
let polling
const poll = () =>
  polling ??= ask().finally(() => {
    polling = undefined
  })

const ask = async () => {
  try {
    const answer = await Server.state(flows.last())
    const { flowMark, server } = answer
    // Every start has a mark of its own. What the answer tells was chosen by the old numbers: the next one tells all.
    const restarted = flowMark !== undefined && seenMark !== undefined && flowMark !== seenMark
    if (restarted) flows.reset()
    seenMark = flowMark ?? seenMark
    last = answer
    history.add(answer)
    flows.restrict(headerOf(answer, "flows"))
    flows.add(restarted ? [] : answer.flows ?? [], scope.value)
    tryIt.update(answer.models ?? [])
    if (paused) tell("paused", "Paused")
    else if (server === undefined) tell("unknown", "Connected")
    else if (server.ready) tell("ready", "Ready")
    else tell("unready", "Not ready")
    draw()
  } catch (error) {
    if (error instanceof Server.Refused) tell("gone", `Refused: ${error.message}`)
    else tell("gone", `Not reached${last === undefined ? "" : ` since ${format.time(last.atMillis)}`}`)
  }
}

const tick = async () => {
  if (!paused && !document.hidden) await poll()
  setTimeout(tick, intervalMillis)
}

pause.addEventListener("click", () => {
  paused = !paused
  set(pause, "aria-pressed", String(paused))
  say(pause, paused ? "Go on" : "Pause")
  if (paused) tell("paused", "Paused")
  else void poll()
})
scope.addEventListener("change", () => {
  flows.add([], scope.value)
  draw()
})
find.addEventListener("input", draw)
scrub.addEventListener("input", drawCharts)
byId("figures").addEventListener("toggle", drawCharts)

const theme = /** @type {HTMLSelectElement} */ (byId("theme"))
theme.value = localStorage.getItem("galatea-theme") ?? "system"
const dress = () => set(document.documentElement, "data-theme", theme.value === "system" ? undefined : theme.value)
theme.addEventListener("change", () => {
  localStorage.setItem("galatea-theme", theme.value)
  dress()
})
dress()
void tick()
