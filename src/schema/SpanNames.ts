/**
 * Every span that the server makes, and every attribute of its own: the one place where their names are said.
 *
 * Attributes of the way a request came are those of OpenTelemetry's semantic conventions, and are not listed.
 */
import type { Tracer } from "effect"

/** @category models */
export interface SpanRow {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** `undefined`: a trace of its own, or part of what came with the request. */
  readonly parent: string | undefined
  readonly meaning: string
  readonly attributes: ReadonlyArray<AttributeName>
}

/** @category models */
export interface AttributeRow {
  readonly name: string
  readonly type: "string" | "int" | "string[]"
  readonly meaning: string
}

const rows = {
  model: { name: "galatea.model.name", type: "string", meaning: "the model, as the client named it" },
  version: { name: "galatea.model.version", type: "int", meaning: "the version that had the request last" },
  requestId: { name: "galatea.request.id", type: "string", meaning: "id of the request; left out where it has none" },
  sequenceId: { name: "galatea.sequence.id", type: "string", meaning: "the sequence that the request is a step of" },
  cache: {
    name: "galatea.cache",
    type: "string",
    meaning: "`hit`: answered by the response cache; `shared`: by the run of another request like it; `miss`: it ran"
  },
  cacheLookup: { name: "galatea.cache.lookup_nanos", type: "int", meaning: "time of looking up in the response cache" },
  batchRows: { name: "galatea.batch.rows", type: "int", meaning: "rows of the batch that it ran in" },
  batchRequests: { name: "galatea.batch.requests", type: "int", meaning: "requests in the batch, traced or not" },
  instance: { name: "galatea.instance", type: "string", meaning: "the execution instance" },
  computeInput: { name: "galatea.compute.input_nanos", type: "int", meaning: "time of putting the inputs in" },
  computeInfer: { name: "galatea.compute.infer_nanos", type: "int", meaning: "time of the native run" },
  computeOutput: { name: "galatea.compute.output_nanos", type: "int", meaning: "time of taking the outputs out" },
  step: {
    name: "galatea.ensemble.step",
    type: "int",
    meaning: "place of a step in the config of its ensemble, from 0"
  },
  failureType: { name: "galatea.failure.type", type: "string", meaning: "kind of the error that it was answered with" },
  failureMessage: { name: "galatea.failure.message", type: "string", meaning: "what the error says" }
} as const satisfies Readonly<Record<string, AttributeRow>>

/** @category models */
export type AttributeName = keyof typeof rows

/** Attributes by what the code calls them. @category names */
export const attributes: Readonly<Record<AttributeName, AttributeRow>> = rows

/** Name of an attribute of the server's own. @category names */
export const attribute = Object.fromEntries(
  Object.entries(rows).map(([key, { name }]) => [key, name])
) as Readonly<Record<AttributeName, string>>

/** Names of spans. @category names */
export const span = {
  local: "infer",
  queue: "queue",
  batch: "batch.execute",
  step: "step",
  load: "model.load",
  unload: "model.unload",
  warmup: "model.warmup"
} as const

/** Names of events, beside Triton's activities. @category names */
export const event = { leftOut: "step.left_out", retried: "run.retried" } as const

const ofRequest = ["model", "version", "requestId", "sequenceId", "batchRows", "cache", "cacheLookup"] as const
const ofFailure = ["failureType", "failureMessage"] as const

/** Spans of what a load does, by the parts of the program: more detail, whose names may change. @category names */
export const inner = /^[A-Z][A-Za-z]*\.[a-z][A-Za-z]*$/

/** Every span but the `inner` ones. Those of front ends are named by the semantic conventions of their protocols. @category names */
export const spans: ReadonlyArray<SpanRow> = [
  {
    name: "POST /v2/models/{model}/infer",
    kind: "server",
    parent: undefined,
    meaning: "a request by HTTP",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: "POST /v2/models/{model}/versions/{version}/infer",
    kind: "server",
    parent: undefined,
    meaning: "a request by HTTP for a version",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: "inference.GRPCInferenceService/ModelInfer",
    kind: "server",
    parent: undefined,
    meaning: "a request by gRPC",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: "inference.GRPCInferenceService/ModelStreamInfer",
    kind: "server",
    parent: undefined,
    meaning: "one request of a stream by gRPC",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: "ModelInfer",
    kind: "server",
    parent: undefined,
    meaning: "a request by RPC",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: "ModelStreamInfer",
    kind: "server",
    parent: undefined,
    meaning: "a request by RPC for a stream of answers",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: span.local,
    kind: "internal",
    parent: undefined,
    meaning: "a request of the program that has the server inside: a child of the span that it works for",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: span.step,
    kind: "internal",
    parent: "the request, or the step of the ensemble around it",
    meaning:
      "what an ensemble asks of the model of a step, or one part of a request with more rows than its model takes at once",
    attributes: [...ofRequest, ...ofFailure]
  },
  {
    name: span.queue,
    kind: "internal",
    parent: "the request or step",
    meaning:
      "from the moment that the queue of a version took it until an instance began, or until it left the queue otherwise",
    attributes: []
  },
  {
    name: span.batch,
    kind: "internal",
    parent: undefined,
    meaning:
      "one execution: linked to the spans of all traced requests and steps in it, which are linked to it, as are their `queue` spans",
    attributes: [
      "model",
      "version",
      "instance",
      "batchRows",
      "batchRequests",
      "computeInput",
      "computeInfer",
      "computeOutput",
      ...ofFailure
    ]
  },
  {
    name: span.load,
    kind: "internal",
    parent: "what asked for it",
    meaning: "opening one version: preparing, sessions, warm-up; all attempts",
    attributes: ["model", "version"]
  },
  {
    name: span.warmup,
    kind: "internal",
    parent: span.load,
    meaning: "the first runs of a version on each of its instances",
    attributes: ["model", "version"]
  },
  {
    name: span.unload,
    kind: "internal",
    parent: "what asked for it",
    meaning: "a version from the moment that it takes no new requests until it is closed",
    attributes: ["model", "version"]
  }
]
