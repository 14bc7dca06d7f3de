/** What a collector answers, in the few fields that say more than that all is well. Source: OTLP 1.x, `google.rpc.Status`. */

/** What the collector did not take of a request that it has answered well. @category models */
export interface PartialSuccess {
  /** Spans, data points or log records: a whole number from 0 on, which may be more than were sent. */
  readonly rejected: number
  /** The collector's words; `""`: none. */
  readonly message: string
}

interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

/** The fields of a message of varints and strings; empty where it is none. */
const fields = (bytes: Uint8Array): ReadonlyArray<Field> => {
  const found: Array<Field> = []
  let at = 0
  const varint = (): number | undefined => {
    let value = 0
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const tag = varint()
    const value = varint()
    if (tag === undefined || value === undefined) return []
    const number = tag >>> 3
    switch (tag & 7) {
      case 0:
        found.push({ number, value })
        break
      case 2:
        if (at + value > bytes.length) return []
        found.push({ number, value: bytes.subarray(at, at + value) })
        at += value
        break
      default:
        return []
    }
  }
  return found
}

const bytesOf = (found: ReadonlyArray<Field>, number: number): Uint8Array | undefined => {
  const value = found.find((field) => field.number === number)?.value
  return value instanceof Uint8Array ? value : undefined
}

const text = (bytes: Uint8Array | undefined): string => bytes === undefined ? "" : new TextDecoder().decode(bytes)

/** Of an answer in protobuf; `undefined`: everything was taken. @category decoding */
export const ofProtobuf = (bytes: Uint8Array): PartialSuccess | undefined => {
  const partial = bytesOf(fields(bytes), 1)
  if (partial === undefined) return undefined
  const inner = fields(partial)
  const rejected = inner.find(({ number }) => number === 1)?.value
  return made(typeof rejected === "number" ? rejected : 0, text(bytesOf(inner, 2)))
}

const made = (said: number, message: string): PartialSuccess | undefined => {
  // Negative ones are beyond 2^63 in protobuf; of all that is no count nothing is rejected.
  const rejected = said > 0 && said < 2 ** 63 ? Math.trunc(said) : 0
  return rejected === 0 && message === "" ? undefined : { rejected, message }
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {}

const parsed = (bytes: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    return record(JSON.parse(text(bytes)))
  } catch {
    return {}
  }
}

/** Of an answer in JSON; `undefined`: everything was taken. @category decoding */
export const ofJson = (bytes: Uint8Array): PartialSuccess | undefined => {
  const partial = record(parsed(bytes)["partialSuccess"])
  const rejected = partial["rejectedSpans"] ?? partial["rejectedDataPoints"] ?? partial["rejectedLogRecords"]
  const message = partial["errorMessage"]
  return made(
    typeof rejected === "number" || typeof rejected === "string" ? Number(rejected) : 0,
    typeof message === "string" ? message : ""
  )
}

/** The words of an error's body, by its content type; `""`: none. @category decoding */
export const errorText = (bytes: Uint8Array, contentType: string): string => {
  if (contentType.startsWith("application/x-protobuf")) return text(bytesOf(fields(bytes), 2))
  if (contentType.startsWith("application/json")) {
    const { message } = parsed(bytes)
    return typeof message === "string" ? message : ""
  }
  return contentType.startsWith("text/plain") ? text(bytes) : ""
}
