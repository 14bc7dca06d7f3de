/** Streams of a connection that ended lately, on which the client may still send because it does not know yet. Source: RFC 9113 §5.1, §8.1. */

/** More of them than these are not waited for. */
const maxUnstopped = 256

/** @internal */
export class EndedStreams {
  private readonly recent = new Int32Array(64)
  /** Those of them that the server ended. */
  private readonly recentResets = new Int32Array(256)
  /** Streams that were answered whole while the client still sends, and when it is told to stop. */
  private readonly unstopped = new Map<number, number>()
  private recentAt = 0
  private resetAt = 0

  /** A stream is no more. */
  add(id: number): void {
    this.recent[this.recentAt++ % this.recent.length] = id
  }

  /** The server has told the client that a stream is over. */
  reset(id: number): void {
    this.recentResets[this.resetAt++ % this.recentResets.length] = id
  }

  /** Waits until `at` for the client to end what it sends on a stream. `false`: it waits for too many already. */
  wait(id: number, at: number): boolean {
    if (this.unstopped.size >= maxUnstopped) return false
    this.unstopped.set(id, at)
    return true
  }

  /** The client has ended what it sends on a stream. */
  finish(id: number): void {
    // Where it did so by force, what it sent before may be looked at later.
    if (this.unstopped.size > 0 && this.unstopped.delete(id)) this.reset(id)
  }

  /** A stream that was waited for until now, and is no longer. */
  due(now: number): number | undefined {
    for (const [id, at] of this.unstopped) {
      if (at > now) return undefined
      this.unstopped.delete(id)
      return id
    }
    return undefined
  }

  /** Whether the server ended this stream. */
  wasReset(id: number): boolean {
    return this.recentResets.includes(id) || this.unstopped.has(id)
  }

  /** Whether this stream ended lately. */
  wasClosed(id: number): boolean {
    return this.recent.includes(id)
  }
}
