/** A request made by hand: a form after the model's metadata, and what comes of it. */
import { h, keyed, say, set } from "./dom.js"
import * as Flows from "./flows.js"
import * as format from "./format.js"
import { modelKey } from "./models.js"
import * as Server from "./server.js"
import * as Values from "./values.js"

/** @import { ConsoleModel } from "../../../schema/ConsoleState.ts" */
/** @import { Flow } from "../../../schema/Flow.ts" */

/** @typedef {{ readonly name: string, readonly datatype: string, readonly shape: ReadonlyArray<number> }} TensorInfo */
/** @typedef {{ readonly name: string, readonly datatype: string, readonly shape: ReadonlyArray<number>, readonly data?: ReadonlyArray<unknown> }} Output */

/** Values that are written out in the form. */
const maxWritten = 2048
/** Values of an output that are shown. */
const maxShown = 512

/** @param {unknown} error */
const sentence = (error) => error instanceof Server.Refused ? error.message : "The server was not reached."

const hex = (/** @type {number} */ bytes) =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** @param {string} text */
const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** One input of the form. @param {TensorInfo} input @param {number} index */
const makeInput = (input, index) => {
  const { datatype, name, shape } = input
  const id = `try-${index}`
  const open = shape.some((dimension) => dimension < 0)
  const shapeField = /** @type {HTMLInputElement} */ (h("input", {
    id: `${id}-shape`,
    type: "text",
    inputmode: "numeric",
    autocomplete: "off",
    readonly: !open,
    value: Values.suggest(shape).join(" × ")
  }))
  const filling = /** @type {HTMLSelectElement} */ (h(
    "select",
    { id: `${id}-fill` },
    ...["counting", "zeros", "ones", "random", "own"].map((value) =>
      h(
        "option",
        { value },
        { counting: "0, 1, 2 …", zeros: "zeros", ones: "ones", random: "random", own: "as written below" }[value]
      )
    )
  ))
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", {
    id: `${id}-data`,
    rows: 3,
    spellcheck: "false",
    "aria-describedby": `${id}-problem`
  }))
  const problem = h("p", { class: "problem", id: `${id}-problem` })
  /** What is sent, where it is too much to be written out. @type {ReadonlyArray<string> | undefined} */
  let hidden

  const complain = (/** @type {string} */ text) => {
    say(problem, text)
    set(area, "aria-invalid", text === "" ? undefined : "true")
  }
  const refill = () => {
    complain("")
    hidden = undefined
    area.readOnly = false
    if (Values.binaryOnly.has(datatype)) {
      area.readOnly = true
      return complain(`${datatype} travels in binary only: this page cannot send it.`)
    }
    const size = Values.readShape(shapeField.value, shape)
    if (typeof size === "string") return complain(size)
    if (filling.value === "own") return
    const elements = Values.fill(/** @type {Values.Filling} */ (filling.value), datatype, Values.sizeOf(size))
    if (elements.length <= maxWritten) area.value = Values.write(datatype, elements)
    else {
      hidden = elements
      area.readOnly = true
      area.value = `${Values.write(datatype, elements.slice(0, 64))} … ${elements.length.toLocaleString("en")} values`
    }
  }
  shapeField.addEventListener("change", refill)
  filling.addEventListener("change", refill)
  area.addEventListener("input", () => {
    filling.value = "own"
    complain("")
  })
  refill()
  const element = h(
    "fieldset",
    { class: "input" },
    h("legend", {}, h("span", { class: "mono" }, name), h("span", { class: "chip" }, datatype)),
    h(
      "div",
      { class: "row" },
      h("label", { for: `${id}-shape` }, "Shape", shapeField),
      h("label", { for: `${id}-fill` }, "Fill with", filling)
    ),
    h("label", { for: `${id}-data` }, datatype === "BYTES" ? "Values, one a line" : "Values"),
    area,
    problem
  )
  return {
    element,
    /** The input as JSON; `undefined` where something is wrong, which the form then says. @returns {string | undefined} */
    read: () => {
      if (Values.binaryOnly.has(datatype)) {
        area.focus()
        return undefined
      }
      const size = Values.readShape(shapeField.value, shape)
      const data = typeof size === "string" ? size : hidden ?? Values.read(datatype, area.value, Values.sizeOf(size))
      if (typeof size === "string" || typeof data === "string") {
        complain(String(data))
        ;(typeof size === "string" ? shapeField : area).focus()
        return undefined
      }
      complain("")
      return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${size.join(",")}],"data":[${
        data.join(",")
      }]}`
    }
  }
}

/** What only models with sequences ask for. */
const makeSequence = () => {
  const id = /** @type {HTMLInputElement} */ (h("input", {
    type: "text",
    id: "try-sequence",
    value: "1",
    inputmode: "numeric",
    autocomplete: "off"
  }))
  const start = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: true }))
  const end = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: true }))
  return {
    element: h(
      "fieldset",
      { class: "input" },
      h("legend", {}, "Sequence"),
      h(
        "div",
        { class: "row" },
        h("label", { for: "try-sequence" }, "Id", id),
        h("label", { class: "check" }, start, "starts here"),
        h("label", { class: "check" }, end, "ends here")
      )
    ),
    read: () =>
      `"sequence_id":${
        /^[1-9]\d*$/.test(id.value) ? id.value : JSON.stringify(id.value)
      },"sequence_start":${start.checked},"sequence_end":${end.checked}`
  }
}

/** Bars of the first values, where they are numbers. @param {Output} output */
const makeBars = ({ data = [], shape }) => {
  const width = shape[shape.length - 1] ?? 0
  const first = data.slice(0, Math.min(width, 64)).filter((value) => typeof value === "number")
  if (first.length < 4 || first.length !== Math.min(width, 64)) return null
  const most = Math.max(...first.map(Math.abs), 1e-12)
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
const makeOutput = (output) => {
  const { data = [], datatype, name, shape } = output
  const more = data.length - maxShown
  return h(
    "section",
    { class: "output", "aria-label": `Output ${name}` },
    h("h4", {}, h("span", { class: "mono" }, name), h("span", { class: "chip" }, `${datatype} ${shape.join(" × ")}`)),
    makeBars(output),
    h(
      "pre",
      { class: "values-text", tabindex: 0, "aria-label": `Values of ${name}` },
      Values.showRows(data, shape, maxShown)
    ),
    more > 0 ? h("p", { class: "hint" }, `and ${more.toLocaleString("en")} more`) : null
  )
}

/**
 * @param {{ readonly select: HTMLSelectElement, readonly form: HTMLFormElement, readonly result: HTMLElement }} parts
 * @param {{ readonly mark: () => string, readonly findFlow: (traceId: string) => Flow | undefined, readonly look: () => Promise<void> }} actions
 */
export const make = ({ form, result, select }, { findFlow, look, mark }) => {
  /** @type {Map<string, ConsoleModel>} */
  let known = new Map()
  let shown = ""
  /** @type {ReadonlyArray<ReturnType<typeof makeInput>>} */
  let inputs = []
  /** @type {ReturnType<typeof makeSequence> | undefined} */
  let sequence

  const open = async () => {
    const model = known.get(select.value)
    if (model === undefined) {
      form.replaceChildren(h("p", { class: "empty" }, "No model is ready."))
      return
    }
    shown = select.value
    const path = Server.modelPath(model.name, model.version ?? "")
    result.replaceChildren(h("p", { class: "empty" }, "What the model answers is shown here."))
    form.replaceChildren(h("p", { class: "hint" }, "Asking for the inputs of the model"))
    try {
      const metadata = /** @type {{ inputs: ReadonlyArray<TensorInfo> }} */ (JSON.parse(await Server.ask(path)))
      if (select.value !== shown) return
      inputs = metadata.inputs.map(makeInput)
      sequence = model.loaded?.scheduling === "sequence" ? makeSequence() : undefined
      const button = h("button", { type: "submit", class: "primary" }, "Send")
      form.replaceChildren(
        ...inputs.map(({ element }) => element),
        ...(sequence === undefined ? [] : [sequence.element]),
        h("div", { class: "row end" }, button)
      )
    } catch (error) {
      form.replaceChildren(h("p", { class: "failure" }, sentence(error)))
    }
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
    if (flow !== undefined) place.replaceChildren(...Flows.describe(flow).filter((part) => part !== null))
    else if (attempts > 1) setTimeout(() => showFlow(traceId, place, attempts - 1), 300)
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    const model = known.get(shown)
    const read = inputs.map((input) => input.read())
    if (model === undefined || read.includes(undefined)) return
    const button = form.querySelector("button")
    const path = `${Server.modelPath(model.name, model.version ?? "")}/infer`
    const body = `{"id":"console-${hex(4)}",${
      sequence === undefined ? "" : `"parameters":{${sequence.read()}},`
    }"inputs":[${read.join(",")}]}`
    const traceId = mark() + hex(8)
    if (button !== null) button.disabled = true
    result.setAttribute("aria-busy", "true")
    const began = performance.now()
    const times = h("div", { class: "times" })
    try {
      const text = await Server.ask(path, {
        method: "POST",
        body,
        headers: mark() === "" ? {} : { traceparent: `00-${traceId}-${hex(8)}-01` }
      })
      const took = (performance.now() - began) * 1000
      const answer =
        /** @type {{ model_name: string, model_version: string, outputs: ReadonlyArray<Output> }} */ (Values
          .parseAnswer(text))
      result.replaceChildren(
        h(
          "p",
          { class: "verdict good" },
          h("strong", {}, "Answered"),
          ` in ${format.duration(took)}, seen from this page`
        ),
        ...answer.outputs.map(makeOutput),
        times
      )
    } catch (error) {
      result.replaceChildren(
        h(
          "p",
          { class: "failure" },
          h("strong", {}, error instanceof Server.Refused ? String(error.status) : "Not sent"),
          ` ${sentence(error)}`
        ),
        times
      )
    }
    const headers = Object.keys(Server.headers()).map((name) => ` -H ${shellQuoted(`${name}: …`)}`).join("")
    if (body.length < 20_000) {
      result.append(
        h(
          "details",
          { class: "curl" },
          h("summary", {}, "The same with curl"),
          h(
            "pre",
            { tabindex: 0, "aria-label": "Command" },
            `curl ${new URL(path, location.href).href}${headers} -d ${shellQuoted(body)}`
          )
        )
      )
    }
    result.removeAttribute("aria-busy")
    if (button !== null) button.disabled = false
    if (mark() !== "") void showFlow(traceId, times, 5)
  })
  select.addEventListener("change", open)

  return {
    /** @param {ReadonlyArray<ConsoleModel>} models */
    update: (models) => {
      const ready = models.filter(({ loaded, onDemand }) => loaded !== undefined || onDemand)
      known = new Map(ready.map((model) => [modelKey(model), model]))
      keyed(
        select,
        ready,
        modelKey,
        (model) => h("option", { value: modelKey(model) }, `${model.name} ${model.version ?? ""}`)
      )
      if (!known.has(shown) || form.childElementCount === 0) {
        if (shown !== select.value || form.childElementCount === 0) void open()
      }
    },
    /** @param {string} key */
    choose: (key) => {
      select.value = key
      void open()
      document.getElementById("try")?.scrollIntoView()
      select.focus()
    }
  }
}
