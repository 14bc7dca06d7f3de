/**
 * The OpenAPI 3.1 document of a server: its operations, and for each model requests and answers with that model's own tensors.
 *
 * Source: protocol §2–3; https://spec.openapis.org/oas/v3.1.0.
 */
import type { ServerMetadata } from "../Metadata.ts"
import type { ModelSignature } from "../ModelSignature.ts"
import { components } from "./Components.ts"
import { type JsonSchema, type JsonValue, reference } from "./JsonSchema.ts"
import { type Operation, operations } from "./Operations.ts"
import * as TensorSchemas from "./TensorSchemas.ts"

/** A version of a model that takes requests. @category models */
export interface DescribedModel {
  readonly name: string
  readonly signature: ModelSignature
}

/** Both paths of a row whose middle may be left out. @category getters */
export const pathsOf = (path: string): ReadonlyArray<string> => {
  const match = /^([^[\]]*)\[([^[\]]*)\]([^[\]]*)$/.exec(path)
  return match === null ? [path] : [match[1]! + match[3]!, match[1]! + match[2]! + match[3]!]
}

const meanings: Readonly<Record<number, string>> = {
  400: "The request does not fit the protocol or the model, or what it asks for is not ready",
  401: "No API key, or one that is not valid, where the server wants one",
  403: "A restricted API, without its header, or an API key that may not do this",
  404: "No such model or version",
  409: "The sequence of the step is lost: begin it again",
  413: "The body is larger than the server takes",
  429: "More than the client may send",
  415: "The coding of the body is unknown",
  500: "The body cannot be read, or the run has failed",
  501: "Not implemented by this server",
  503: "Not now: try again after the time of Retry-After, where it is there",
  504: "The deadline of the request has passed"
}

const errorContent: JsonSchema = {
  "application/json": { schema: reference("Error") },
  // Some routes answer so, in Triton's way; the body is the same.
  "text/plain": { schema: {} }
}

const pathParameter = (name: string): JsonSchema => ({
  name,
  in: "path",
  required: true,
  schema: name === "version"
    ? { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_-]*$", description: "A number, or a label" }
    : { type: "string", minLength: 1 }
})

const captured = (path: string): ReadonlyArray<string> => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)

const answerOf = (answer: Operation["answer"]): JsonSchema => {
  if (answer === undefined) return { description: "Done, or yes" }
  return {
    description: "The answer",
    content: "schema" in answer
      ? { "application/json": { schema: reference(answer.schema) } }
      : { [answer.type]: { schema: { type: "object" } } }
  }
}

const inferHeaders: ReadonlyArray<JsonSchema> = [
  {
    name: "X-Request-Timeout",
    in: "header",
    required: false,
    description: "How many milliseconds the client waits",
    schema: { type: "string", pattern: "^[0-9]{1,6}(\\.[0-9]{1,3})?$" }
  }
]

interface Written {
  readonly body?: JsonSchema | undefined
  readonly answer?: JsonSchema | undefined
  readonly id: string
  readonly summary: string
}

const operationOf = (operation: Operation, path: string, own: Written): JsonSchema => {
  const body = own.body ?? (operation.body === undefined ? undefined : reference(operation.body.schema))
  const names = captured(path)
  const parameters = [
    ...names.map(pathParameter),
    ...(operation.id === "modelInfer" ? inferHeaders : [])
  ]
  return {
    operationId: own.id,
    tags: [operation.tag],
    summary: own.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : {
      requestBody: { required: operation.body!.required, content: { "application/json": { schema: body } } }
    }),
    responses: {
      "200": own.answer === undefined
        ? answerOf(operation.answer)
        : { description: "The answer", content: { "application/json": { schema: own.answer } } },
      ...Object.fromEntries(
        [...operation.errors, 401, 429].toSorted((a, b) => a - b).map((
          status
        ) => [String(status), { description: meanings[status]!, content: errorContent }])
      )
    }
  }
}

/** A name as one segment of a path. */
const segment = (name: string): string => encodeURIComponent(name)

const inference = operations.find(({ id }) => id === "modelInfer")!

const about = "KServe V2 with Triton's extensions. Tensors may travel in binary behind the JSON as well."

const left = (more: number): string =>
  more === 0 ? "" : ` ${more} more models are ready: ask for one of them with ?model=NAME.`

/** The document. Models appear in the order given; `more` says how many are left out of it. @category constructors */
export const make = (server: ServerMetadata, models: ReadonlyArray<DescribedModel>, more: number): JsonValue => {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const operation of operations) {
    const { id, method, summary } = operation
    for (const [index, path] of pathsOf(operation.path).entries()) {
      const item = paths[path] ??= {}
      item[method] = operationOf(operation, path, { id: index === 0 ? id : `${id}Of`, summary })
    }
  }
  for (const { name, signature } of models) {
    const path = `/v2/models/${segment(name)}/infer`
    paths[path] = {
      post: operationOf(inference, path, {
        id: `infer.${name}`,
        summary: `Runs ${name}`,
        body: TensorSchemas.request(signature),
        answer: TensorSchemas.response(signature, name)
      })
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: server.name, version: server.version, description: about + left(more) },
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "An API key, where the server wants one" }
      }
    },
    // Without keys nothing is needed.
    security: [{}, { key: [] }]
  }
}
