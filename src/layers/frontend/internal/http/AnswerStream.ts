/** An answer whose length nobody knows when it begins: sent piece by piece, as fast as the client takes it. */
import { Effect } from "effect"
import type { Response } from "./Wire.ts"

/** @internal */
export class AnswerStream {
  private readonly response: Response

  /** Takes a response whose head is set. */
  constructor(response: Response) {
    this.response = response
  }

  /** Sends a piece; completes when there is room for the next one, or nobody waits for it any more. */
  write(piece: Uint8Array): Effect.Effect<void> {
    const { response } = this
    if (response.destroyed || response.write(piece)) return Effect.void
    return Effect.callback((resume) => response.onceRoom(() => resume(Effect.void)))
  }

  end(): void {
    this.response.end()
  }

  /** Ends the connection, so that nobody takes what was sent for the whole answer. */
  cut(): void {
    this.response.destroy()
  }
}
