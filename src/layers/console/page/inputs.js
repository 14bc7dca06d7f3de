/** What a model is to be given: a field for each of its inputs. */
import { h, say, set } from "./dom.js"
import * as Values from "./values.js"

/** @typedef {{ readonly name: string, readonly datatype: string, readonly shape: ReadonlyArray<number> }} TensorInfo */

/** Values that are written out in the form. */
const maxWritten = 2048

/** What somebody wrote. @typedef {{ readonly shape: string, readonly filling: string, readonly text: string }} Written */

/** One input of the form, with what was written before as far as it fits. @param {TensorInfo} input @param {number} index @param {Written} [before] */
export const makeInput = (input, index, before) => {
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
  if (before !== undefined) {
    if (typeof Values.readShape(before.shape, shape) !== "string") shapeField.value = before.shape
    const size = Values.readShape(shapeField.value, shape)
    const fits = typeof size !== "string" && typeof Values.read(datatype, before.text, Values.sizeOf(size)) !== "string"
    if (before.filling !== "own" || fits) filling.value = before.filling
    if (fits) area.value = before.text
  }
  refill()
  const element = h(
    "fieldset",
    { class: "input" },
    h("legend", {}, h("bdi", { class: "mono" }, name), h("span", { class: "chip" }, datatype)),
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
    name,
    /** @returns {Written} */
    written: () => ({ shape: shapeField.value, filling: filling.value, text: area.value }),
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
export const makeSequence = () => {
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
