/** Metadata of calls: names in lower case with text, or with bytes where the name ends in `-bin`. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2"

/** @category models */
export type GrpcMetadataValue = string | Uint8Array

/**
 * Several values of a name are a list. Text is printable ASCII.
 *
 * @category models
 */
export type GrpcMetadata = Readonly<Record<string, GrpcMetadataValue | ReadonlyArray<GrpcMetadataValue>>>

const isBinary = (name: string): boolean => name.endsWith("-bin")

const ownNames = new Set(["content-type", "te", "user-agent"])

const toHeader = (name: string, value: GrpcMetadataValue): string => {
  if (typeof value === "string") {
    if (isBinary(name)) throw new TypeError(`metadata ${name}: a name that ends in -bin takes bytes`)
    return value
  }
  if (!isBinary(name)) throw new TypeError(`metadata ${name}: bytes need a name that ends in -bin`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64").replace(/=+$/, "")
}

/** Puts metadata among the headers of a request. Throws `TypeError` for names that are gRPC's own. @internal */
export const addTo = (headers: OutgoingHttpHeaders, metadata: GrpcMetadata | undefined): void => {
  for (const [given, value] of Object.entries(metadata ?? {})) {
    const name = given.toLowerCase()
    if (name.startsWith(":") || name.startsWith("grpc-") || ownNames.has(name)) {
      throw new TypeError(`metadata ${given}: the name is gRPC's own`)
    }
    headers[name] = typeof value === "string" || value instanceof Uint8Array
      ? toHeader(name, value)
      : value.map((one) => toHeader(name, one))
  }
}

/** The metadata of received headers; those of HTTP and of gRPC itself are left out, except when to try again. @internal */
export const fromHeaders = (headers: IncomingHttpHeaders): GrpcMetadata => {
  const metadata: Record<string, GrpcMetadataValue | ReadonlyArray<GrpcMetadataValue>> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":") || ownNames.has(name)) continue
    if (name.startsWith("grpc-") && name !== "grpc-retry-pushback-ms") continue
    if (!isBinary(name)) metadata[name] = value
    else {
      const values = (Array.isArray(value) ? value : value.split(",")).map((one) => Buffer.from(one.trim(), "base64"))
      metadata[name] = values.length === 1 ? values[0]! : values
    }
  }
  return metadata
}

/** The text of `grpc-message`: UTF-8 in percent-encoding; what is encoded wrongly stays as it is. @internal */
export const decodeMessage = (text: string): string => {
  if (!text.includes("%")) return text
  const bytes: Array<number> = []
  const raw = Buffer.from(text)
  for (let i = 0; i < raw.length; i++) {
    const hex = raw[i] === 0x25 ? raw.subarray(i + 1, i + 3).toString("latin1") : ""
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      i += 2
    } else bytes.push(raw[i]!)
  }
  return Buffer.from(bytes).toString("utf8")
}

/** A time as `grpc-timeout` carries it: at most eight digits and a unit, rounded up. @internal */
export const timeoutHeader = (millis: number): string => {
  const micros = Math.ceil(Math.max(0, millis) * 1000)
  if (micros < 1e8) return `${micros}u`
  const whole = Math.ceil(millis)
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(millis / 1000))}S`
}
