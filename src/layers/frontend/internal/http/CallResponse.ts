/** The response of node:http with its call beside it. */
import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http"
import type { InProgress, Response } from "./Wire.ts"

type Fields = OutgoingHttpHeaders | Array<OutgoingHttpHeader>

/** @internal */
export class CallResponse extends ServerResponse implements Response {
  readonly multiplexed = false
  call: InProgress | undefined = undefined
  private continued = false

  belongTo(call: InProgress): void {
    this.call = call
    this.on("finish", finished)
  }

  override writeContinue(callback?: () => void): void {
    this.continued = true
    super.writeContinue(callback)
  }

  override writeHead(status: number, reason?: string | Fields, headers?: Fields): this {
    if (typeof reason === "string") super.writeHead(status, reason, headers)
    else super.writeHead(status, reason)
    // With the first bytes of a body node:http would put the head before all that waits for its turn, `100 Continue` as well.
    if (this.continued && this.socket === null) this.flushHeaders()
    return this
  }

  endParts(parts: ReadonlyArray<Uint8Array>): void {
    this.cork()
    for (const part of parts) this.write(part)
    this.end()
    this.uncork()
  }

  onceRoom(ready: () => void): void {
    const once = (): void => {
      this.off("drain", once)
      this.off("close", once)
      ready()
    }
    this.on("drain", once)
    this.on("close", once)
  }
}

function finished(this: ServerResponse): void {
  if (this instanceof CallResponse) this.call?.finish()
}
