/**
 * The fronts of a listener: threads that accept connections on one port and hand their requests to main.
 *
 * One of them accepts connections at first, the others when they are needed. A front that dies loses its connections, and another one
 * takes its place.
 */
import { Deferred, Effect } from "effect"
import { createServer } from "node:net"
import type { ListenFailed } from "../../../../schema/Errors.ts"
import { bind, type Bound, type Endpoint } from "../Bind.ts"
import { FrontThread, type Options as ThreadOptions } from "./FrontThread.ts"
import { Need } from "./Need.ts"
import { maxHead } from "./Records.ts"
import { Seats } from "./Seats.ts"

/** @internal */
export interface Options extends Omit<ThreadOptions, "need" | "start"> {
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
  private readonly need: Need
  private readonly threads: Array<FrontThread> = []
  private endpoint: Endpoint
  private ending = false

  constructor(options: Options) {
    this.options = options
    this.endpoint = options.endpoint
    this.seats = Seats.allocate(options.count)
    const seats = new Seats(this.seats, options.maxConnections, 0)
    this.need = new Need({
      now: () => performance.now(),
      fronts: () => this.accepting.length,
      connections: () => seats.taken,
      onNeed: (moves) => this.widen(moves)
    })
  }

  /** Those that accept connections. */
  private get accepting(): ReadonlyArray<FrontThread> {
    return this.threads.filter(({ isAlive, listens }) => isAlive && listens)
  }

  private get spare(): FrontThread | undefined {
    return this.threads.find(({ isAlive, listens }) => isAlive && !listens)
  }

  /** Starts all of them; the first one listens. */
  readonly listen: Effect.Effect<Bound, ListenFailed> = Effect.suspend(() => {
    const { options } = this
    return Effect.gen({ self: this }, function*() {
      const port = yield* this.reserve
      this.endpoint = { ...options.endpoint, port }
      for (let index = 0; index < options.count; index++) this.threads.push(this.thread(index, index === 0))
      yield* Effect.all(this.threads.map((thread) => thread.started), { concurrency: "unbounded", discard: true })
      for (const [index] of this.threads.entries()) options.fork(this.mind(index))
      return yield* this.threads[0]!.listening
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

  private thread(index: number, listens: boolean): FrontThread {
    const { count: _count, fork: _fork, http: allowed, maxConnections, ...rest } = this.options
    const http = { ...allowed, maxHeaderSize: Math.min(allowed.maxHeaderSize, maxHead) }
    return new FrontThread({
      ...rest,
      endpoint: { ...this.endpoint, reusePort: true },
      need: this.need,
      start: { http, index, listens, maxConnections, seats: this.seats }
    })
  }

  /** Lets one more front accept connections, if there is one. `moves`: the connections of the others are made anew then. */
  private widen(moves: boolean): void {
    const { accepting, ending, spare } = this
    if (ending || spare === undefined) return
    this.options.fork(Effect.tap(this.open(spare), (opened) =>
      Effect.sync(() => {
        if (opened && moves && !this.ending) { for (const { door } of accepting) door.renew() }
      })))
  }

  /** Lets a spare front accept connections; one that cannot ends, and is started again like one that died. */
  private open(spare: FrontThread): Effect.Effect<boolean> {
    spare.open()
    return Effect.matchEffect(spare.listening, {
      onFailure: (error) =>
        Effect.logError(`A front end cannot accept connections: ${error.message}`).pipe(
          Effect.andThen(spare.stop),
          Effect.as(false)
        ),
      onSuccess: () => Effect.succeed(true)
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
        const { spare } = this
        if (this.accepting.length === 0 && spare !== undefined) this.options.fork(Effect.asVoid(this.open(spare)))
        yield* this.replace(index)
      }
    })
  }

  /** The new one is a spare one, unless no other accepts connections. */
  private replace(index: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      let wait: number = restartMillis.first
      for (;;) {
        yield* Effect.sleep(wait)
        if (this.ending) return
        const thread = this.threads[index] = this.thread(index, this.accepting.length === 0)
        const failure = yield* Effect.match(thread.started, {
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
