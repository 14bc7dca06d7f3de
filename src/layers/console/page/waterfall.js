/** The times of one request, as bars below one another. */
import { h } from "./dom.js"
import * as format from "./format.js"

/** @import { Flow, FlowModel } from "../../../schema/Flow.ts" */

/**
 * @typedef {object} Segment
 * @property {string} name
 * @property {string} tone
 * @property {number} from microseconds
 * @property {number} to
 */

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {string} [note]
 * @property {number} depth
 * @property {number} from
 * @property {number} to
 * @property {ReadonlyArray<Segment>} segments
 */

/** What a model did with it, in the order of time. @param {FlowModel} model @returns {ReadonlyArray<Segment>} */
export const segmentsOf = ({ endedMicros, queuedMicros, run, steps }) => {
  /** @type {Array<Segment>} */
  const segments = []
  if (queuedMicros !== undefined) {
    segments.push({
      name: "Queue",
      tone: "amber",
      from: queuedMicros,
      to: run?.beganMicros ?? steps[0]?.beganMicros ?? endedMicros ?? queuedMicros
    })
  }
  if (run === undefined) return segments
  const { beganMicros: began, endedMicros: ended, inferMicros, inputMicros, outputMicros } = run
  if (inputMicros + inferMicros + outputMicros === 0) {
    segments.push({ name: "Run", tone: "sea", from: began, to: ended })
    return segments
  }
  const input = began + inputMicros
  const infer = input + inferMicros
  segments.push({ name: "Input", tone: "mist", from: began, to: input })
  segments.push({ name: "Compute", tone: "sea", from: input, to: infer })
  segments.push({ name: "Output", tone: "iris", from: infer, to: infer + outputMicros })
  return segments
}

/** Marks that belong together. @param {Flow} flow @param {string} name @param {string} from @param {string} to @returns {ReadonlyArray<Lane>} */
const between = ({ marks }, name, from, to) => {
  const begin = marks.find(([activity]) => activity === from)?.[1]
  const end = marks.find(([activity]) => activity === to)?.[1]
  if (begin === undefined || end === undefined || end < begin) return []
  return [{ name, depth: 0, from: begin, to: end, segments: [{ name, tone: "slate", from: begin, to: end }] }]
}

/** @param {FlowModel} model @param {number} depth @param {number} total @returns {Array<Lane>} */
const lanesOf = (model, depth, total) => {
  const name = `${format.isolated(model.model)} ${model.version}`
  const to = model.endedMicros ?? total
  const note = model.cache === "hit"
    ? "answered by the cache"
    : model.cache === "shared"
    ? "shared an answer"
    : undefined
  return [
    { name, ...(note === undefined ? {} : { note }), depth, from: model.beganMicros, to, segments: segmentsOf(model) },
    ...model.steps.flatMap((step) => lanesOf(step, depth + 1, total))
  ]
}

/** @param {Flow} flow @returns {ReadonlyArray<Lane>} */
export const lanes = (flow) => {
  const single = flow.models.length === 1 && flow.models[0]?.steps.length === 0 ? flow.models[0] : undefined
  const segments = single === undefined ? [] : segmentsOf(single)
  return [
    ...between(flow, "Receive", "HTTP_RECV_START", "HTTP_RECV_END"),
    ...between(flow, "Receive", "GRPC_WAITREAD_START", "GRPC_WAITREAD_END"),
    ...(segments.length > 0
      ? segments.map((segment) => ({
        name: segment.name,
        depth: 0,
        from: segment.from,
        to: segment.to,
        segments: [segment]
      }))
      : flow.models.flatMap((model) => lanesOf(model, 0, flow.totalMicros))),
    ...between(flow, "Send", "HTTP_SEND_START", "HTTP_SEND_END"),
    ...between(flow, "Send", "GRPC_SEND_START", "GRPC_SEND_END")
  ]
}

/** @param {HTMLElement} element @param {number} from @param {number} to @param {number} total */
export const place = (element, from, to, total) => {
  const left = Math.max(0, Math.min(1, from / total))
  const right = Math.max(left, Math.min(1, to / total))
  element.style.left = `${left * 100}%`
  element.style.width = `${Math.max(0.4, (right - left) * 100)}%`
  return element
}

/** @param {Flow} flow */
export const draw = (flow) => {
  const total = Math.max(flow.totalMicros, 0.1)
  return h(
    "ol",
    { class: "lanes" },
    ...lanes(flow).map(({ depth, from, name, note, segments, to }) =>
      h(
        "li",
        { class: `lane depth-${Math.min(depth, 4)}` },
        h("span", { class: "lane-name", title: name }, name),
        h(
          "span",
          { class: "track", "aria-hidden": "true" },
          segments.length === 1 ? null : place(h("span", { class: "extent" }), from, to, total),
          ...segments.map((segment) =>
            place(
              h("span", {
                class: `seg ${segment.tone}`,
                title: `${segment.name} ${format.duration(segment.to - segment.from)}`
              }),
              segment.from,
              segment.to,
              total
            )
          )
        ),
        h(
          "span",
          { class: "lane-time" },
          h("span", { class: "sr" }, "took "),
          format.duration(to - from),
          h("span", { class: "sr" }, ` from ${format.duration(from)} on`),
          note === undefined ? null : h("span", { class: "sr" }, `, ${note}`)
        )
      )
    )
  )
}
