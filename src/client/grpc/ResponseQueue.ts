/** The answers of a streaming call as an iterator. */
import type { CallEvents, GrpcCall } from "./GrpcCall.ts"

/** How the call of a stream is made. @internal */
export interface StreamSetup<A> {
  /** Begins the call; called once, with the first `next`. */
  readonly begin: (events: CallEvents) => Promise<GrpcCall>
  /** Sends all requests and the end. */
  readonly send: (call: GrpcCall) => Promise<void>
  readonly read: (bytes: Uint8Array) => A
}

/**
 * Answers that came and were not taken yet. While there are any, nothing more is received, so their number is that of one chunk of
 * the connection.
 *
 * @internal
 */
export class ResponseQueue<A> implements AsyncIterableIterator<A> {
  private readonly setup: StreamSetup<A>
  private readonly waiting: Array<Uint8Array | Promise<Uint8Array>> = []
  private call: Promise<GrpcCall> | undefined
  private started: GrpcCall | undefined
  private ended: { readonly reason: unknown } | undefined
  private returned = false
  private last: Promise<unknown> = Promise.resolve()
  private wake: (() => void) | undefined

  constructor(setup: StreamSetup<A>) {
    this.setup = setup
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private begin(): Promise<GrpcCall> {
    const call = this.setup.begin({
      onMessage: (message) => {
        if (message instanceof Promise) message.catch(() => {})
        this.waiting.push(message)
        this.started?.stream.pause()
        this.wake?.()
      },
      onEnd: (reason) => {
        this.ended = { reason }
        this.wake?.()
      }
    })
    call.then((started) => {
      this.started = started
      if (this.waiting.length > 0) started.stream.pause()
      // An error of the caller's requests comes out of the iteration.
      this.setup.send(started).catch((error: unknown) => started.cancel(error))
    }, () => {})
    return call
  }

  next(): Promise<IteratorResult<A, undefined>> {
    // Whoever asks again before the answer came, waits in line.
    const taken = this.last.then(() => this.take())
    this.last = taken.catch(() => {})
    return taken
  }

  private async take(): Promise<IteratorResult<A, undefined>> {
    if (this.returned) return { done: true, value: undefined }
    const call = await (this.call ??= this.begin())
    while (this.waiting.length === 0 && this.ended === undefined) {
      call.stream.resume()
      // oxlint-disable-next-line no-await-in-loop -- waits for one event after the other
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    // What came before a failure is given before it.
    const message = this.waiting.shift()
    if (message !== undefined) {
      try {
        return { done: false, value: this.setup.read(await message) }
      } catch (error) {
        await this.stop(error)
        throw error
      }
    }
    this.returned = true
    if (this.ended!.reason !== undefined) throw this.ended!.reason
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<A, undefined>> {
    await this.stop(undefined)
    return { done: true, value: undefined }
  }

  private async stop(reason: unknown): Promise<void> {
    this.returned = true
    if (this.call === undefined) return
    this.waiting.length = 0
    try {
      const call = await this.call
      call.cancel(reason)
    } catch {
      // The call never began, which its iteration has told already.
    }
  }
}
