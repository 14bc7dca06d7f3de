/**
 * The fronts of a listener: threads that accept connections on one port and hand their requests to main.
 *
 * A front that dies loses its connections, and another one takes its place.
 */
import { Deferred, Effect } from "effect"
import { createServer } from "node:net"
import type { ListenFailed } from "../../../../schema/Errors.ts"
import { bind, type Bound, type Endpoint } from "../Bind.ts"
import { FrontThread, type Options as ThreadOptions } from "./FrontThread.ts"
import { maxHead } from "./Records.ts"
import { Seats } from "./Seats.ts"

/** @internal */
export interface Options extends Omit<ThreadOptions, "start"> {
  /** How many. */
  readonly count: number
  /** Connections open at a time, of all fronts together. */
  readonly maxConnections: number
  readonly http: ThreadOptions["start"]["http"]
  /** Runs an effect in a fiber that ends with the server. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Milliseconds until a front that died is started again: the first time, and at most. */
const restartMillis = { first: 100, last: 10_000 } as const

/** What answers take to leave once everything else is done. */
const finishMillis = 2000

/** @internal */
export class Fronts {
  private readonly options: Options
  private readonly seats: SharedArrayBuffer
  private readonly threads: Array<FrontThread> = []
  private endpoint: Endpoint
  private ending = false

  constructor(options: Options) {
    this.options = options
    this.endpoint = options.endpoint
    this.seats = Seats.allocate(options.count)
  }

  /** Makes all of them listen, on the same port. */
  readonly listen: Effect.Effect<Bound, ListenFailed> = Effect.suspend(() => {
    const { options } = this
    return Effect.gen({ self: this }, function*() {
      const port = yield* this.reserve
      this.endpoint = { ...options.endpoint, port }
      for (let index = 0; index < options.count; index++) this.threads.push(this.thread(index))
      const [first] = yield* Effect.all(this.threads.map((thread) => thread.listening), { concurrency: "unbounded" })
      for (const [index] of this.threads.entries()) options.fork(this.mind(index))
      return first!
    }).pipe(Effect.onError(() => this.stop))
  })

  /**
   * The port, which nobody else listens on: fronts could not tell, because they share it. Not asked for where other processes may
   * share it as well.
   */
  private get reserve(): Effect.Effect<number, ListenFailed> {
    const { endpoint } = this.options
    if (endpoint.reusePort && endpoint.port !== 0) return Effect.succeed(endpoint.port)
    return Effect.suspend(() => {
      const server = createServer()
      const close = Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
      return Effect.flatMap(bind(server, endpoint), ({ port }) => Effect.as(close, port))
    })
  }

  private thread(index: number): FrontThread {
    const { count: _count, fork: _fork, http: allowed, maxConnections, ...rest } = this.options
    const http = { ...allowed, maxHeaderSize: Math.min(allowed.maxHeaderSize, maxHead) }
    return new FrontThread({
      ...rest,
      endpoint: { ...this.endpoint, reusePort: true },
      start: { http, index, maxConnections, seats: this.seats }
    })
  }

  /** Starts a front anew whenever it ends. */
  private mind(index: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (;;) {
        const reason = yield* Deferred.await(this.threads[index]!.ended)
        if (this.ending) return
        new Seats(this.seats, 0, index).clear()
        yield* Effect.logError(
          `A front end of ${this.endpoint.service} died and its connections are closed; it is started again: ${reason}`
        )
        yield* this.replace(index)
      }
    })
  }

  private replace(index: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      let wait: number = restartMillis.first
      for (;;) {
        yield* Effect.sleep(wait)
        if (this.ending) return
        const thread = this.threads[index] = this.thread(index)
        const failure = yield* Effect.match(thread.listening, {
          onFailure: (error) => error,
          onSuccess: () => undefined
        })
        if (failure === undefined) return
        yield* Effect.logError(`A front end cannot be started again: ${failure.message}`)
        yield* thread.stop
        wait = Math.min(2 * wait, restartMillis.last)
      }
    })
  }

  /** No more connections are accepted, and those without requests are closed. */
  retire(): void {
    this.ending = true
    for (const { door } of this.threads) door.retire()
  }

  /** What has not arrived of requests is not waited for any longer. */
  cutShort(): void {
    for (const { door } of this.threads) door.cutShort()
  }

  /** Sends what is on its way and ends the threads. */
  readonly finish: Effect.Effect<void> = Effect.suspend(() => {
    this.ending = true
    return Effect.forEach(this.threads, (thread) => thread.finish(finishMillis), {
      concurrency: "unbounded",
      discard: true
    })
  })

  /** Ends the threads at once. */
  private get stop(): Effect.Effect<void> {
    this.ending = true
    return Effect.forEach(this.threads, (thread) => thread.stop, { concurrency: "unbounded", discard: true })
  }
}
