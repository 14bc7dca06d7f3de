/** KServe V2 over HTTP, with tensors in JSON or in binary. */
import { Context, Effect, Layer } from "effect"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import type { Parameter, Tensor } from "../../../src/schema/Inference.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import type { Request } from "../../../src/services/InferenceServer.ts"
import type { IndexEntry } from "../../../src/services/ModelRepository.ts"
import { type Answer, type Door, type DoorKind, Refusal } from "../Door.ts"
import { type Reply, type Sending, type Transport, transport, transportOptions, type Way } from "./HttpTransports.ts"

/** Integers of 64 bits stay what they are. */
const parse = (text: string) =>
  JSON.parse(
    text,
    (_key, value: unknown, { source }: { readonly source?: string } = {}) =>
      typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "")
        ? BigInt(source!)
        : value
  )

const write = (value: unknown): string => {
  if (typeof value === "bigint") return String(value)
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value).flatMap(([key, one]) =>
    one === undefined ? [] : [`${JSON.stringify(key)}:${write(one)}`]
  )
  return `{${members.join(",")}}`
}

const toJson = (tensor: Tensor): ReadonlyArray<unknown> => {
  const values = Tensors.values(tensor, tensor.datatype)
  return tensor.datatype === "BOOL"
    ? Array.from(values as Uint8Array, Boolean)
    : Array.from(values as ArrayLike<unknown>)
}

const arrays: Partial<Record<DataType, { from: (values: ReadonlyArray<never>) => Tensors.TypedArray }>> = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array
}

interface JsonTensor {
  readonly name: string
  readonly datatype: DataType
  readonly shape: ReadonlyArray<number>
  readonly data: ReadonlyArray<never>
  readonly parameters?: { readonly binary_data_size: number }
}

const fromJson = ({ data, datatype, name, shape }: JsonTensor): Tensor => {
  if (datatype === "BYTES") return Tensors.fromStrings(name, shape, data)
  if (datatype === "BOOL") return Tensors.fromBooleans(name, shape, data)
  const values = datatype === "INT64" || datatype === "UINT64" ? data.map((value) => BigInt(value)) : data
  return Tensors.from(name, shape, arrays[datatype]!.from(values as ReadonlyArray<never>))
}

const parametersOf = ({ parameters = new Map<string, Parameter>(), priority, sequence, timeoutMicros }: Request) => ({
  ...Object.fromEntries(parameters),
  priority,
  timeout: timeoutMicros,
  ...(sequence === undefined
    ? {}
    : { sequence_id: sequence.id, sequence_start: sequence.start, sequence_end: sequence.end })
})

const inferBody = (
  request: Request,
  binary: boolean
): { headers: Record<string, string>; body: string | Uint8Array<ArrayBuffer> } => {
  const { id, inputs, outputs } = request
  const json = write({
    id,
    parameters: { ...parametersOf(request), ...(binary ? { binary_data_output: true } : {}) },
    inputs: inputs.map(({ data, ...input }) =>
      binary
        ? { ...input, parameters: { binary_data_size: data.byteLength } }
        : { ...input, data: toJson({ ...input, data }) }
    ),
    outputs: outputs?.map(({ classification, name }) => ({
      name,
      parameters: { ...(classification > 0 ? { classification } : {}), ...(binary ? { binary_data: true } : {}) }
    }))
  })
  const deadline: Record<string, string> = request.deadlineMicros === undefined
    ? {}
    : { "X-Request-Timeout": String(request.deadlineMicros / 1000) }
  if (!binary) return { headers: deadline, body: json }
  const head = Buffer.from(json)
  return {
    headers: { ...deadline, "Inference-Header-Content-Length": String(head.byteLength) },
    body: Buffer.concat([head, ...inputs.map(({ data }) => data)])
  }
}

const answerOf = ({ bytes, headers }: Reply): Answer => {
  const length = Number(headers.get("inference-header-content-length") ?? bytes.byteLength)
  const json = parse(Buffer.from(bytes.subarray(0, length)).toString()) as {
    readonly id?: string
    readonly model_name: string
    readonly model_version: string
    readonly outputs: ReadonlyArray<JsonTensor>
  }
  let at = length
  const outputs = json.outputs.map((output): Tensor => {
    const size = output.parameters?.binary_data_size
    if (size === undefined) return fromJson(output)
    const { datatype, name, shape } = output
    return { name, datatype, shape, data: bytes.subarray(at, at += size) }
  })
  return { id: json.id ?? "", modelName: json.model_name, modelVersion: json.model_version, outputs }
}

interface StatisticsJson {
  readonly model_stats: ReadonlyArray<{
    readonly name: string
    readonly version: string
    readonly inference_count: number
    readonly execution_count: number
    readonly inference_stats: Readonly<Record<"success" | "cache_hit" | "cache_miss", { readonly count: number }>>
  }>
}

const door = (send: Transport, binary: boolean): Door => {
  const call = (path: string, init: Sending = {}): Effect.Effect<Reply> =>
    Effect.promise((signal) => send(path, init, signal))
  const ask = (path: string, init?: Sending): Effect.Effect<Reply, Refusal> =>
    Effect.flatMap(call(path, init), (reply) =>
      reply.status === 200
        ? Effect.succeed(reply)
        : Effect.fail(new Refusal({ status: reply.status, message: parse(Buffer.from(reply.bytes).toString()).error })))
  const json = <A>(path: string, init?: Sending): Effect.Effect<A, Refusal> =>
    Effect.map(ask(path, init), ({ bytes }) => parse(Buffer.from(bytes).toString()))
  const change = (name: string, what: "load" | "unload", parameters: Readonly<Record<string, unknown>>) =>
    Effect.asVoid(
      ask(`/v2/repository/models/${encodeURIComponent(name)}/${what}`, {
        method: "POST",
        body: JSON.stringify({ parameters })
      })
    )
  const model = (name: string, version: string) =>
    `/v2/models/${encodeURIComponent(name)}${version === "" ? "" : `/versions/${version}`}`
  return {
    live: Effect.map(call("/v2/health/live"), ({ status }) => status === 200),
    ready: Effect.map(call("/v2/health/ready"), ({ status }) => status === 200),
    serverMetadata: json("/v2"),
    modelReady: (name, version) => Effect.as(ask(`${model(name, version)}/ready`), true),
    modelMetadata: (name, version) => json(model(name, version)),
    modelConfig: (name, version) =>
      Effect.map(ask(`${model(name, version)}/config`), ({ bytes }) => Buffer.from(bytes).toString()),
    statistics: (name, version) =>
      Effect.map(
        json<StatisticsJson>(name === "" ? "/v2/models/stats" : `${model(name, version)}/stats`),
        ({ model_stats: rows }) =>
          rows.map((row) => ({
            name: row.name,
            version: row.version,
            inferenceCount: row.inference_count,
            executionCount: row.execution_count,
            successes: row.inference_stats.success.count,
            cache: [row.inference_stats.cache_hit.count, row.inference_stats.cache_miss.count] as const
          }))
      ),
    index: (ready) =>
      json<ReadonlyArray<IndexEntry>>("/v2/repository/index", { method: "POST", body: JSON.stringify({ ready }) }),
    load: (name, { config, files = new Map(), version } = {}) =>
      change(name, "load", {
        config,
        version,
        ...Object.fromEntries(
          [...files].map(([path, content]) => [`file:${path}`, Buffer.from(content).toString("base64")])
        )
      }),
    unload: (name, { unloadDependents, version } = {}) =>
      change(name, "unload", { unload_dependents: unloadDependents, version }),
    infer: (request) => {
      const path = `${model(request.model, request.version ?? "")}/infer`
      return Effect.map(ask(path, { method: "POST", ...inferBody(request, binary) }), answerOf)
    }
  }
}

/** Over one of the ways that HTTP travels; `HTTP/1.1` is in the clear. */
export const http = (
  encoding: "JSON" | "binary",
  way: Way = "HTTP/1.1"
): DoorKind => ({
  name: `${way === "HTTP/1.1" ? "HTTP" : way}, ${encoding}`,
  like: `HTTP, ${encoding}`,
  without: encoding === "JSON" ? ["FP16"] : [],
  open: Effect.fnUntraced(function*(services) {
    const frontend = yield* Layer.build(
      HttpFrontend.layer({ address: "127.0.0.1", port: 0, ...(yield* transportOptions(way)) }).pipe(
        Layer.provide(Layer.succeedContext(services))
      )
    ).pipe(Effect.orDie)
    const { port } = Context.get(frontend, HttpFrontend.HttpFrontend)
    return door(yield* transport(way, port), encoding === "binary")
  })
})
