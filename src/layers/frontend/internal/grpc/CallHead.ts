/** What the headers of a call say, read once for equal headers. Source: gRPC over HTTP/2, "Requests". */
import type { RequestHead } from "../http2/RequestHead.ts"
import type { Coding } from "./Call.ts"
import { Metadata } from "./Metadata.ts"
import * as Timeout from "./Timeout.ts"

/** @internal */
export class CallHead {
  readonly path: string
  /** The server as the client named it. */
  readonly authority: string | undefined
  readonly metadata: Metadata
  /** HTTP status and text for what is no gRPC. */
  readonly foreign: { readonly status: number; readonly text: string } | undefined
  /** Milliseconds that the client waits; `undefined`: for ever. `NaN`: it could not be read. */
  readonly timeout: number | undefined
  /** Coding of compressed messages; `undefined`: not known here. */
  readonly encoding: Coding | undefined
  private readonly takes: ReadonlyArray<string>

  constructor(head: RequestHead) {
    const metadata = new Metadata(head.raw)
    this.path = head.path
    this.authority = head.authority ?? metadata.get("host")
    this.metadata = metadata
    this.foreign = foreign(head.method, metadata.get("content-type"))
    const timeout = metadata.get("grpc-timeout")
    this.timeout = timeout === undefined ? undefined : Timeout.parse(timeout) ?? Number.NaN
    const encoding = metadata.get("grpc-encoding") ?? "identity"
    this.encoding = encoding === "identity" || encoding === "gzip" || encoding === "deflate" ? encoding : undefined
    this.takes = (metadata.get("grpc-accept-encoding") ?? "").split(",").map((coding) => coding.trim())
  }

  /** Of a request; the same object for the same head. */
  static of(head: RequestHead): CallHead {
    if (head.memo instanceof CallHead) return head.memo
    const made = new CallHead(head)
    head.memo = made
    return made
  }

  /** Whether the client takes messages of a coding. */
  accepts(coding: Coding): boolean {
    return coding === "identity" || this.takes.includes(coding)
  }
}

const foreign = (method: string, type: string | undefined): CallHead["foreign"] => {
  if (method !== "POST") return { status: 405, text: `This port serves gRPC, whose calls are POST, not ${method}.\n` }
  return type !== undefined && /^application\/grpc(?:\+proto)?(?:$|[ ;])/i.test(type)
    ? undefined
    : {
      status: 415,
      text: `This port serves gRPC, whose content type is application/grpc or application/grpc+proto, not ${type}.\n`
    }
}
