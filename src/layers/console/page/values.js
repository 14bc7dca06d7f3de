/** Values of tensors as text: made up, read, and shown. */

import { isolated } from "./format.js"

/** @typedef {"counting" | "zeros" | "ones" | "random"} Filling */

/** Kinds that JSON cannot carry. */
export const binaryOnly = new Set(["FP16", "BF16"])

/** More elements are not asked of a browser. */
export const maxElements = 4_000_000

/** @param {ReadonlyArray<number>} shape */
export const sizeOf = (shape) => shape.reduce((size, dimension) => size * dimension, 1)

/**
 * A shape out of what somebody wrote; a sentence where it is none.
 *
 * @param {string} text
 * @param {ReadonlyArray<number>} declared
 * @returns {ReadonlyArray<number> | string}
 */
export const readShape = (text, declared) => {
  const parts = text.split(/[^0-9-]+/).filter((part) => part !== "")
  if (parts.length !== declared.length) {
    return `The shape has ${declared.length} dimensions, such as ${suggest(declared).join(" × ")}.`
  }
  const shape = parts.map(Number)
  for (const [i, dimension] of shape.entries()) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) return `${parts[i]} is no size of a dimension.`
    const fixed = declared[i] ?? -1
    if (fixed >= 0 && fixed !== dimension) return `Dimension ${i + 1} of the shape is ${fixed}.`
  }
  const size = sizeOf(shape)
  return size > maxElements ? `${size.toLocaleString("en")} values are too many for this page: use a client.` : shape
}

/** Sizes for those that the model leaves open. @param {ReadonlyArray<number>} declared */
export const suggest = (declared) =>
  declared.map((dimension, i) => dimension >= 0 ? dimension : i === 0 ? 1 : declared.length >= 4 ? 32 : 8)

const limits = /** @type {Readonly<Record<string, number>>} */ ({ INT8: 127, UINT8: 255 })

/**
 * @param {Filling} filling
 * @param {string} datatype
 * @param {number} size
 * @returns {ReadonlyArray<string>} elements as JSON
 */
export const fill = (filling, datatype, size) => {
  const limit = (limits[datatype] ?? 2 ** 31 - 1) + 1
  /** @type {(i: number) => string} */
  const number = {
    counting: (/** @type {number} */ i) => String(i % limit),
    zeros: () => "0",
    ones: () => "1",
    random: () => datatype.startsWith("FP") ? Math.random().toFixed(4) : String(Math.floor(Math.random() * 100))
  }[filling]
  /** @type {(i: number) => string} */
  const element = datatype === "BOOL"
    ? (i) =>
      String(filling === "ones" || (filling === "random" ? Math.random() < 0.5 : filling === "counting" && i % 2 === 1))
    : datatype === "BYTES"
    ? (i) => JSON.stringify(number(i))
    : number
  return Array.from({ length: size }, (_, i) => element(i))
}

/** Elements as somebody writes them. @param {string} datatype @param {ReadonlyArray<string>} elements */
export const write = (datatype, elements) =>
  datatype === "BYTES" ? elements.map((element) => JSON.parse(element)).join("\n") : elements.join(", ")

const integer = /^-?\d+$/
const real = /^-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)$|^NaN$/

/**
 * Elements out of what somebody wrote; a sentence where there is something else. Text is a line for each element.
 *
 * @param {string} datatype
 * @param {string} text
 * @param {number} size
 * @returns {ReadonlyArray<string> | string}
 */
export const read = (datatype, text, size) => {
  const parts = datatype === "BYTES"
    ? linesOf(text, size).map((line) => JSON.stringify(line))
    : text.split(/[\s,[\]]+/).filter((part) => part !== "")
  const isRight = datatype === "BYTES"
    ? () => true
    : datatype === "BOOL"
    ? (/** @type {string} */ part) => part === "true" || part === "false"
    : (/** @type {string} */ part) => (datatype.startsWith("FP") ? real : integer).test(part)
  const wrong = parts.find((part) => !isRight(part))
  if (wrong !== undefined) return `“${wrong.slice(0, 40)}” is no ${datatype}.`
  if (parts.length !== size) {
    return `The shape asks for ${size.toLocaleString("en")} values, and there are ${parts.length.toLocaleString("en")}.`
  }
  // JSON has no zeros before a number.
  return datatype === "BYTES" || datatype === "BOOL" ? parts : parts.map((part) => part.replace(/^(-?)0+(?=\d)/, "$1"))
}

/** An empty last line ends the one before, unless it is asked for. @param {string} text @param {number} size */
const linesOf = (text, size) => {
  const lines = text.split("\n")
  if (lines.length === size + 1 && lines[size] === "") lines.pop()
  return lines
}

/**
 * Parses an answer. Numbers that JSON has no words for, and those beyond what a number holds, become texts.
 *
 * @param {string} text
 */
export const parseAnswer = (text) =>
  JSON.parse(
    // Every number as a whole: digits of a fraction are no integer.
    text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b|-?\b\d[\d.eE+-]*/g, (token) =>
      /^-?\d{16,}$|y$|N$/.test(token) ? `"${token}"` : token)
  )

/** Rows of the innermost dimension, up to so many values. @param {ReadonlyArray<unknown>} data @param {ReadonlyArray<number>} shape @param {number} most */
export const showRows = (data, shape, most) => {
  const width = Math.max(1, shape[shape.length - 1] ?? 1)
  const shown = data.slice(0, most).map((value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
  )
  /** @type {Array<string>} */
  const rows = []
  for (let i = 0; i < shown.length; i += width) {
    rows.push(shown.slice(i, i + width).map((value) => isolated(String(value))).join("  "))
  }
  return rows.join("\n")
}
