/** A request made by hand: a form after the model's metadata, and what comes of it. */
import { h, keyed, say, set } from "./dom.js"
import * as Flows from "./flows.js"
import * as format from "./format.js"
import { makeInput, makeSequence } from "./inputs.js"
import { modelKey } from "./models.js"
import { makeOutput } from "./outputs.js"
import * as Server from "./server.js"
import * as Values from "./values.js"

/** @import { ConsoleModel } from "../../../schema/ConsoleState.ts" */
/** @import { Flow } from "../../../schema/Flow.ts" */
/** @import { TensorInfo } from "./inputs.js" */
/** @import { Output } from "./outputs.js" */

/** What to say of a failure: a word, and a sentence. @param {unknown} error @returns {readonly [string, string]} */
const saying = (error) =>
  error instanceof Server.Refused
    ? [String(error.status), error.message]
    : error instanceof Server.NotReached
    ? ["Not answered", error.message]
    : ["Answered", `with what this page cannot show: ${error instanceof Error ? error.message : String(error)}`]

/** Random bytes, as hexadecimal digits. @param {number} bytes */
const hex = (bytes) =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** @param {string} text */
const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** The request for a shell. What restricted APIs want is left for its reader to fill in. @param {string} path @param {string} body */
const commandOf = (path, body) => {
  const headers = Object.keys(Server.headers()).map((name) => ` -H ${shellQuoted(`${name}: …`)}`).join("")
  const command = `curl ${shellQuoted(new URL(path, location.href).href)}${headers} -d ${shellQuoted(body)}`
  return h(
    "details",
    { class: "curl" },
    h("summary", {}, "The same with curl"),
    h("pre", { tabindex: 0, role: "group", "aria-label": "Command" }, command)
  )
}

/**
 * @param {{ readonly select: HTMLSelectElement, readonly form: HTMLFormElement, readonly verdict: HTMLElement, readonly result: HTMLElement }} parts
 * @param {{ readonly mark: () => string, readonly findFlow: (traceId: string) => Flow | undefined, readonly look: () => Promise<void> }} actions
 */
export const make = ({ form, result, select, verdict }, { findFlow, look, mark }) => {
  /** @type {Map<string, ConsoleModel>} */
  let known = new Map()
  let shown = ""
  /** The load of it that the form was made for. @type {string | undefined} */
  let load
  /** What the form was made of. */
  let made = ""
  /** The headers with which no form was to be had. @type {string | undefined} */
  let refusedWith
  /** Only the last question counts. */
  let turn = 0
  /** @type {ReadonlyArray<ReturnType<typeof makeInput>>} */
  let inputs = []
  /** @type {ReturnType<typeof makeSequence> | undefined} */
  let sequence

  /** @param {ConsoleModel | undefined} model */
  const loadOf = (model) => model?.loaded === undefined ? undefined : `${mark()} ${model.loaded.load}`

  const clear = () => {
    set(verdict, "class", "verdict empty")
    say(verdict, "What the model answers is shown here.")
    result.replaceChildren()
  }

  const open = async () => {
    const now = ++turn
    const model = known.get(select.value)
    if (select.value !== shown) {
      inputs = []
      sequence = undefined
      made = ""
      form.replaceChildren(h("p", { class: "hint" }, "Asking for the inputs of the model"))
    }
    shown = select.value
    load = loadOf(model)
    refusedWith = undefined
    if (model === undefined) {
      form.replaceChildren(h("p", { class: "empty" }, "No model is ready."))
      return
    }
    try {
      const metadata = /** @type {{ inputs: ReadonlyArray<TensorInfo> }} */ (JSON.parse(
        await Server.ask(Server.modelPath(model.name, model.version ?? ""))
      ))
      if (now === turn) draw(metadata.inputs, model.loaded?.scheduling === "sequence")
    } catch (error) {
      if (now !== turn) return
      made = ""
      refusedWith = error instanceof Server.NotReached ? "" : JSON.stringify(Server.headers())
      form.replaceChildren(h("p", { class: "failure" }, saying(error).join(" ")))
    }
  }

  /** @param {ReadonlyArray<TensorInfo>} tensors @param {boolean} hasSequences */
  const draw = (tensors, hasSequences) => {
    const wanted = JSON.stringify([tensors, hasSequences])
    if (wanted === made) return
    made = wanted
    const before = new Map(inputs.map(({ name, written }) => [name, written()]))
    inputs = tensors.map((tensor, i) => makeInput(tensor, i, before.get(tensor.name)))
    sequence = hasSequences ? sequence ?? makeSequence() : undefined
    const focused = form.contains(document.activeElement) ? document.activeElement?.id ?? "" : ""
    form.replaceChildren(
      ...inputs.map(({ element }) => element),
      ...(sequence === undefined ? [] : [sequence.element]),
      h("div", { class: "row end" }, h("button", { type: "submit", class: "primary" }, "Send"))
    )
    document.getElementById(focused)?.focus()
  }

  /**
   * The times of the request, as soon as the server tells them.
   *
   * @param {string} traceId
   * @param {HTMLElement} place
   * @param {number} attempts
   */
  const showFlow = async (traceId, place, attempts) => {
    await look()
    const flow = findFlow(traceId)
    if (flow !== undefined) place.replaceChildren(...Flows.describe(flow, false).filter((part) => part !== null))
    else if (attempts > 1) setTimeout(() => showFlow(traceId, place, attempts - 1), 300)
  }

  /** @param {string} look @param {string} word @param {string} rest */
  const judge = (look, word, rest) => {
    set(verdict, "class", `verdict ${look}`)
    verdict.replaceChildren(h("strong", {}, word), " ", h("bdi", { dir: "ltr" }, rest))
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    const model = known.get(shown)
    const read = inputs.map((input) => input.read())
    if (model === undefined || read.includes(undefined)) return
    const button = form.querySelector("button")
    const path = `${Server.modelPath(model.name, model.version ?? "")}/infer`
    const parameters = sequence === undefined ? "" : `"parameters":{${sequence.read()}},`
    const body = `{"id":"console-${hex(4)}",${parameters}"inputs":[${read.join(",")}]}`
    const traceId = mark() + hex(8)
    if (button !== null) button.disabled = true
    set(result, "aria-busy", "true")
    const times = h("div", { class: "times" })
    const began = performance.now()
    try {
      const headers = mark() === "" ? {} : { traceparent: `00-${traceId}-${hex(8)}-01` }
      const text = await Server.ask(path, { method: "POST", body, headers })
      const took = (performance.now() - began) * 1000
      const answer = /** @type {{ outputs: ReadonlyArray<Output> }} */ (Values.parseAnswer(text))
      judge("good", "Answered", `in ${format.duration(took)}, seen from this page`)
      result.replaceChildren(...answer.outputs.map(makeOutput))
    } catch (error) {
      judge("failure", ...saying(error))
      result.replaceChildren()
    }
    result.append(times, ...(body.length < 20_000 ? [commandOf(path, body)] : []))
    set(result, "aria-busy", undefined)
    if (button !== null) button.disabled = false
    if (mark() !== "") void showFlow(traceId, times, 5)
  })
  select.addEventListener("change", () => {
    clear()
    void open()
  })

  return {
    /** @param {ReadonlyArray<ConsoleModel>} models */
    update: (models) => {
      const ready = models.filter(({ loaded, onDemand }) => loaded !== undefined || onDemand)
      known = new Map(ready.map((model) => [modelKey(model), model]))
      keyed(
        select,
        ready,
        modelKey,
        (model) => h("option", { value: modelKey(model) }, `${format.isolated(model.name)} ${model.version ?? ""}`)
      )
      const now = loadOf(known.get(shown))
      if (shown !== select.value || form.childElementCount === 0) {
        // Why the last request failed may be that its model has left: that stays to be read.
        if (!verdict.classList.contains("failure")) clear()
        void open()
      } else if (now !== undefined && now !== load) void open()
      else if (refusedWith !== undefined && refusedWith !== JSON.stringify(Server.headers())) void open()
    },
    /** @param {string} key */
    choose: (key) => {
      select.value = key
      clear()
      void open()
      document.getElementById("try")?.scrollIntoView()
      select.focus()
    }
  }
}
