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
