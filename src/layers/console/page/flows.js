/** Requests that ended last, and where the time of one of them went. */
import { h, keyed, say, set } from "./dom.js"
import * as format from "./format.js"
import * as Waterfall from "./waterfall.js"

/** @import { Flow, FlowModel } from "../../../schema/Flow.ts" */

/** Flows that are remembered. */
const capacity = 400
/** Flows in the list. */
const shown = 12

const protocols =
  /** @type {Readonly<Record<string, string>>} */ ({ http: "HTTP", grpc: "gRPC", rpc: "RPC", local: "in this process" })

/** @param {ReadonlyArray<FlowModel>} models @returns {ReadonlyArray<FlowModel>} */
const everyModel = (models) => models.flatMap((model) => [model, ...everyModel(model.steps)])

/** @param {Flow} flow */
const failureOf = ({ failure, models }) =>
  failure ?? everyModel(models).find((model) => model.failure !== undefined)?.failure

/** @param {Flow} flow */
const titleOf = ({ model, models, version }) =>
  `${format.isolated(model)} ${models[models.length - 1]?.version ?? version}`.trim()

/** @param {Flow} flow @returns {ReadonlyArray<Waterfall.Segment>} */
const barsOf = ({ models }) => {
  const last = models[models.length - 1]
  if (last === undefined) return []
  return last.steps.length > 0 ? everyModel(last.steps).flatMap(Waterfall.segmentsOf) : Waterfall.segmentsOf(last)
}

/** @param {string} term @param {string | undefined} value @param {string} [look] */
const fact = (term, value, look) =>
  value === undefined || value === "" ? [] : [h("div", { class: look }, h("dt", {}, term), h("dd", {}, value))]

/** What is to be known of one request; why it failed, unless that stands beside it. @param {Flow} flow @param {boolean} [tellsFailure] */
export const describe = (flow, tellsFailure = true) => {
  const failure = failureOf(flow)
  const run = everyModel(flow.models).find((model) => model.steps.length === 0 && model.run !== undefined)?.run
  const steps = everyModel(flow.models).length - flow.models.length
  const cache = flow.models[flow.models.length - 1]?.cache
  return [
    h(
      "header",
      {},
      h("h3", {}, titleOf(flow)),
      h(
        "p",
        { class: "big" },
        ...format.durationParts(flow.totalMicros).map((part, i) =>
          h("span", { class: i === 0 ? "value" : "unit" }, part)
        )
      )
    ),
    failure === undefined || !tellsFailure
      ? null
      : h("p", { class: "failure" }, h("strong", {}, failure.type), " ", h("bdi", { dir: "ltr" }, failure.message)),
    Waterfall.draw(flow),
    h(
      "dl",
      {},
      ...fact("Came by", protocols[flow.protocol] ?? flow.protocol),
      ...fact("At", format.time(flow.atMillis)),
      ...fact("Status", flow.status === undefined ? undefined : String(flow.status)),
      ...fact(
        "Batch",
        run === undefined || steps > 0
          ? undefined
          : `${format.plural(run.rows, "row")} of ${format.plural(run.requests, "request")}`
      ),
      ...fact("Instance", steps > 0 ? undefined : run?.instance),
      ...fact("Steps", steps > 0 ? `${steps}${flow.cut ? " and more" : ""}` : undefined),
      ...fact(
        "Cache",
        cache === undefined
          ? undefined
          : { hit: "had the answer", shared: "shared another's answer", miss: "had no answer" }[cache]
      ),
      ...fact("Sequence", flow.models[0]?.sequence, "mono"),
      ...fact("Request id", flow.requestId, "mono"),
      ...fact("Trace", flow.traced ? flow.traceId : undefined, "mono long")
    )
  ]
}

/** @param {{ readonly list: HTMLElement, readonly detail: HTMLElement, readonly order: HTMLSelectElement, readonly hint: HTMLElement }} parts */
export const make = ({ detail, hint, list, order }) => {
  /** @type {Array<Flow>} */
  let flows = []
  let last = 0
  /** @type {number | undefined} */
  let chosen
  /** What the list shows while it is held. @type {ReadonlyArray<Flow> | undefined} */
  let held
  /** The number of the flow that is described, or what is said instead. @type {number | string | undefined} */
  let described
  /** The header that the server wants before it tells of requests. @type {string | undefined} */
  let lacking
  let scope = ""

  const follow = h("button", {
    type: "button",
    class: "quiet small",
    onclick: () => {
      held = undefined
      chosen = undefined
      draw()
      order.focus()
    }
  }, "Follow again")
  const hintText = h("span", {})
  follow.hidden = true
  hint.append(hintText, " ", follow)
  order.addEventListener("change", () => {
    held = undefined
    chosen = undefined
    draw()
  })

  const candidates = () => {
    const [model, version] = scope.split("\u0000")
    const wanted = scope === ""
      ? flows
      : flows.filter(({ models }) =>
        everyModel(models).some((one) => one.model === model && String(one.version) === version)
      )
    switch (order.value) {
      case "slowest":
        return wanted.toSorted((a, b) => b.totalMicros - a.totalMicros)
      case "failed":
        return wanted.filter((flow) => failureOf(flow) !== undefined).toReversed()
      default:
        return wanted.toReversed()
    }
  }

  /** @param {Flow} flow */
  const makeRow = (flow) => {
    const input = h("input", { type: "radio", name: "flow", class: "sr", value: flow.number })
    input.addEventListener("change", () => {
      chosen = flow.number
      held ??= visible
      draw()
    })
    const failed = failureOf(flow) !== undefined
    return h(
      "label",
      { class: failed ? "flow failed" : "flow" },
      input,
      h("span", { class: "flow-time" }, format.time(flow.atMillis)),
      h("span", { class: "flow-name" }, titleOf(flow), failed ? h("span", { class: "badge bad" }, "failed") : null),
      h("span", { class: "mini", "aria-hidden": "true" }),
      h("span", { class: "flow-took" }, format.duration(flow.totalMicros))
    )
  }

  /** @type {ReadonlyArray<Flow>} */
  let visible = []
  const draw = () => {
    visible = held ?? candidates().slice(0, shown)
    const longest = Math.max(1, ...visible.map(({ totalMicros }) => totalMicros))
    const current = visible.find(({ number }) => number === chosen) ?? visible[0]
    keyed(list, visible, ({ number }) => String(number), makeRow, (row, flow) => {
      const mini = row.querySelector(".mini")
      if (mini instanceof HTMLElement && mini.dataset["longest"] !== String(longest)) {
        mini.dataset["longest"] = String(longest)
        mini.replaceChildren(
          Waterfall.place(h("span", { class: "extent" }), 0, flow.totalMicros, longest),
          ...barsOf(flow).map(({ from, to, tone }) =>
            Waterfall.place(h("span", { class: `seg ${tone}` }), from, to, longest)
          )
        )
      }
      const input = row.querySelector("input")
      if (input !== null) input.checked = flow.number === current?.number
      set(row, "data-chosen", flow.number === current?.number ? "true" : undefined)
    })
    follow.hidden = held === undefined
    say(
      hintText,
      visible.length === 0 ? "" : held === undefined ? "A few of them, while this page is open" : "The list is held"
    )
    if (current === undefined) {
      const why = lacking !== undefined
        ? `Requests are restricted: they are shown once the right header ${lacking} is sent.`
        : order.value === "failed"
        ? "None has failed while this page was open."
        : "No request was seen yet. Send one below, and see here where its time went."
      if (described !== why) {
        described = why
        detail.replaceChildren(h("p", { class: "empty" }, why))
      }
    } else if (current.number !== described) {
      described = current.number
      detail.replaceChildren(...describe(current).filter((part) => part !== null))
    }
    list.hidden = visible.length === 0
  }

  return {
    /** The number of the last one that is known. */
    last: () => last,
    /** @param {string | undefined} header that the server wants before it tells of requests */
    restrict: (header) => {
      lacking = header
    },
    /** @param {ReadonlyArray<Flow>} more @param {string} scopeNow */
    add: (more, scopeNow) => {
      for (const flow of more) last = Math.max(last, flow.number)
      flows = flows.concat(more).slice(-capacity)
      if (scope !== scopeNow) held = undefined
      scope = scopeNow
      draw()
    },
    /** The server was started again: its numbers begin anew, and mean other requests. */
    reset: () => {
      last = 0
      flows = []
      held = undefined
      chosen = undefined
      described = undefined
      if (list.contains(document.activeElement)) order.focus()
      list.replaceChildren()
    },
    /** @param {string} traceId */
    find: (traceId) => flows.find((flow) => flow.traceId === traceId)
  }
}
