/** The response of node:http with its call beside it. */
import { ServerResponse } from "node:http"
import type { InProgress, Response } from "./Wire.ts"

/** @internal */
export class CallResponse extends ServerResponse implements Response {
  readonly multiplexed = false
  call: InProgress | undefined = undefined

  belongTo(call: InProgress): void {
    this.call = call
    this.on("finish", finished)
  }

  /** Before its turn node:http would put the head of the answer in front of it, into whose body it would then count. */
  override writeContinue(callback?: () => void): void {
    if (this.socket !== null) return super.writeContinue(callback)
    this.once("socket", () => {
      // Of a request that is answered already, nobody waits for leave to send the body.
      if (!this.headersSent) super.writeContinue(callback)
    })
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
