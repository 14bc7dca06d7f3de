/** Reads OTLP's requests with the definitions of its authors. */
import { readFileSync } from "node:fs"
import protobuf from "protobufjs"

export type Signal = "traces" | "metrics" | "logs"
type Json = { readonly [name: string]: unknown }

const root = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(new URL("../../fixtures/otlp/definitions.json", import.meta.url), "utf8"))
)

const service = { traces: "Trace", metrics: "Metrics", logs: "Logs" } as const

const requestType = (signal: Signal): protobuf.Type =>
  root.lookupType(
    `opentelemetry.proto.collector.${service[signal].toLowerCase()}.v1.Export${service[signal]}ServiceRequest`
  )

export const responseType = (signal: Signal): protobuf.Type =>
  root.lookupType(
    `opentelemetry.proto.collector.${service[signal].toLowerCase()}.v1.Export${service[signal]}ServiceResponse`
  )

const shape: protobuf.IConversionOptions = {
  longs: String,
  enums: String,
  bytes: String,
  defaults: false,
  arrays: true
}

/** JSON has ids in hexadecimal, which protobuf's own JSON would have in base64. */
const withBase64Ids = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withBase64Ids)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      (name === "traceId" || name === "spanId" || name === "parentSpanId") && typeof inner === "string"
        ? Buffer.from(inner, "hex").toString("base64")
        : withBase64Ids(inner)
    ])
  )
}

/** A name that the definitions do not have is an error, as is a value of another type. */
const checked = (type: protobuf.Type, value: unknown, path: string): void => {
  for (const [name, inner] of Object.entries(value as Json)) {
    const field = type.fields[name]
    if (field === undefined) throw new Error(`${path}.${name} is not in ${type.fullName}`)
    const { resolvedType } = field.resolve()
    if (resolvedType instanceof protobuf.Type) {
      for (const one of field.repeated ? inner as ReadonlyArray<unknown> : [inner]) {
        checked(resolvedType, one, `${path}.${name}`)
      }
    }
  }
}

/** The request as plain values: ids and bytes in base64, numbers of 64 bits as text, enums by their names. */
export const decode = (signal: Signal, body: Uint8Array, json: boolean): Json => {
  const type = requestType(signal)
  if (!json) return type.toObject(type.decode(body), shape)
  const value = withBase64Ids(JSON.parse(new TextDecoder().decode(body)))
  checked(type, value, signal)
  return type.toObject(type.fromObject(value as Record<string, unknown>), shape)
}

const hex = (base64: unknown): string => typeof base64 === "string" ? Buffer.from(base64, "base64").toString("hex") : ""

const list = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value : []

/** An `AnyValue` as what it holds. */
const anyValue = (value: unknown): unknown => {
  const [kind, inner] = Object.entries((value ?? {}) as Json)[0] ?? []
  switch (kind) {
    case "intValue":
      return Number(inner)
    case "arrayValue":
      return list((inner as Json)["values"]).map(anyValue)
    default:
      return inner
  }
}

/** Attributes by their names. */
export const attributes = (pairs: unknown): Json =>
  Object.fromEntries(list(pairs).map(({ key, value }) => [key, anyValue(value)]))

export interface Link {
  readonly traceId: string
  readonly spanId: string
}

export interface Span extends Link {
  readonly name: string
  readonly kind: string
  /** `""`: it has none. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly startNanos: bigint
  readonly endNanos: bigint
  readonly attributes: Json
  readonly links: ReadonlyArray<Link>
  readonly events: ReadonlyArray<string>
  readonly status: string
  readonly resource: Json
  readonly scope: string
}

export interface LogRecord extends Link {
  readonly body: unknown
  readonly severity: string
  readonly attributes: Json
  readonly resource: Json
}

export const spans = (request: Json): ReadonlyArray<Span> =>
  list(request["resourceSpans"]).flatMap(({ resource, scopeSpans }) =>
    list(scopeSpans).flatMap(({ scope, spans }) =>
      list(spans).map((span) => ({
        name: String(span["name"]),
        kind: String(span["kind"]),
        traceId: hex(span["traceId"]),
        spanId: hex(span["spanId"]),
        parentSpanId: hex(span["parentSpanId"]),
        traceState: String(span["traceState"] ?? ""),
        startNanos: BigInt(String(span["startTimeUnixNano"])),
        endNanos: BigInt(String(span["endTimeUnixNano"])),
        attributes: attributes(span["attributes"]),
        links: list(span["links"]).map((link) => ({ traceId: hex(link["traceId"]), spanId: hex(link["spanId"]) })),
        events: list(span["events"]).map(({ name }) => String(name)),
        status: String((span["status"] as Json | undefined)?.["code"] ?? ""),
        resource: attributes((resource as Json)["attributes"]),
        scope: String((scope as Json)["name"])
      }))
    )
  )

export const logRecords = (request: Json): ReadonlyArray<LogRecord> =>
  list(request["resourceLogs"]).flatMap(({ resource, scopeLogs }) =>
    list(scopeLogs).flatMap(({ logRecords }) =>
      list(logRecords).map((record) => ({
        body: anyValue(record["body"]),
        severity: String(record["severityText"]),
        traceId: hex(record["traceId"]),
        spanId: hex(record["spanId"]),
        attributes: attributes(record["attributes"]),
        resource: attributes((resource as Json)["attributes"])
      }))
    )
  )
