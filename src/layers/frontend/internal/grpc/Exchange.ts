/**
 * The life of a call: what it holds, and the one place where it gives everything back.
 *
 * It is over when its stream is, its last bytes were sent, and no fiber works for it any more; only then its messages' memory and its
 * share of the limits are given back.
 */
import { Cause, type Effect, type Exit, type Fiber } from "effect"
import { type Begun, exitOf, fromBegun } from "../../../../services/Begun.ts"
import type { Region } from "../../../../services/TensorMemory.ts"
import { Roster } from "../../../Roster.ts"
import type { Stream } from "../http2/Stream.ts"
import { Deadline } from "../infer/Deadline.ts"
import * as Failures from "../tracing/Failures.ts"
import type { Traced } from "../tracing/Traced.ts"
import type { Begin } from "./Call.ts"
import type { Expiring } from "./Deadlines.ts"
import type { Surroundings } from "./Surroundings.ts"

/** @internal */
export abstract class Exchange implements Expiring {
  readonly deadline: Deadline | undefined
  readonly expiresAt: number
  heapIndex = -1
  protected readonly server: Surroundings
  protected readonly stream: Stream
  /** A status was chosen. */
  protected answered = false
  /** Nothing goes to the client or comes from it any more. */
  protected streamOver = false
  traced: Traced | undefined = undefined
  /** Begins to note what happens to it, which its request has yet to be read for. */
  private toTrace: Begin | undefined = undefined
  private over = false
  private entered = false
  private bytes = 0
  /** Things whose memory is still being read by the connection or by other threads. */
  private uses = 0
  private regions: Array<Pick<Region, "release">> | undefined = undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** What works on it without a fiber. */
  private pending: Begun | undefined = undefined
  private fibers: Roster<Fiber.Fiber<unknown, unknown>> | undefined = undefined

  /** `timeout`: milliseconds that the client waits. */
  constructor(stream: Stream, timeout: number | undefined, server: Surroundings) {
    this.stream = stream
    this.server = server
    stream.connection.working++
    if (timeout === undefined || Number.isNaN(timeout)) {
      this.deadline = undefined
      this.expiresAt = Infinity
    } else {
      const now = performance.now()
      this.deadline = new Deadline(timeout, now)
      this.expiresAt = now + this.deadline.millis
      server.deadlines.add(this)
    }
  }

  mayTrace(begin: Begin): void {
    this.toTrace = begin
  }

  arrived(model: string, version: string): void {
    const { toTrace } = this
    if (toTrace === undefined) return
    this.toTrace = undefined
    this.traced = toTrace(model, version)
  }

  /** A status was chosen, or nobody waits for one. */
  get settled(): boolean {
    return this.answered || this.streamOver
  }

  /** The server takes no more requests. */
  get closing(): boolean {
    return this.server.closing()
  }

  /** Takes a place and so many bytes within the limits; the reason when there is no room. */
  protected enter(bytes: number): string | undefined {
    const refusal = this.server.inFlight.enter(bytes)
    if (refusal === undefined) {
      this.entered = true
      this.bytes = bytes
    }
    return refusal
  }

  /** Takes more bytes within the limits. */
  protected grow(bytes: number): string | undefined {
    const refusal = this.server.inFlight.grow(bytes)
    if (refusal === undefined) this.bytes += bytes
    return refusal
  }

  /** Gives bytes back before the call is over. */
  protected shrink(bytes: number): void {
    this.bytes -= bytes
    this.server.inFlight.shrink(bytes)
  }

  hold(region: Pick<Region, "release">): void {
    if (this.over) region.release()
    else if (this.regions === undefined) this.regions = [region]
    else this.regions.push(region)
  }

  run<A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void): void {
    const fiber = this.server.fork(effect)
    let place = -1
    if (this.fiber === undefined) this.fiber = fiber
    else place = (this.fibers ??= new Roster()).add(fiber)
    fiber.addObserver((exit) => {
      if (this.fiber === fiber) this.fiber = undefined
      else this.fibers?.remove(fiber, place)
      this.guard(() => onExit(exit))
      this.leave()
    })
    if (this.streamOver) fiber.interruptUnsafe()
  }

  start<A, E>(
    begin: (resume: (answer: Effect.Effect<A, E>) => void) => Begun,
    onExit: (exit: Exit.Exit<A, E>) => void
  ): void {
    // Of several at a time the first one needs no fiber.
    if (this.pending !== undefined || this.streamOver) return this.run(fromBegun(begin), onExit)
    let resumed = false
    const begun = begin((answer) => {
      resumed = true
      this.pending = undefined
      const exit = exitOf(answer)
      if (exit === undefined) return this.run(answer, onExit)
      this.guard(() => onExit(exit))
      this.leave()
    })
    if (!resumed) this.pending = begun
  }

  /** Reports a bug and ends the call. */
  abstract defect(cause: Cause.Cause<unknown>): void

  /** The deadline passed. */
  abstract expired(): void

  /** Runs a step of this call's work; what it throws is a bug that ends this call and nothing else. */
  guard(step: () => void): void {
    try {
      step()
    } catch (thrown) {
      this.defect(Cause.die(thrown))
    }
  }

  /** Something outside reads memory of this call until `unuse`. */
  protected use(): void {
    this.uses++
  }

  protected unuse(): void {
    this.uses--
    this.leave()
  }

  /** The stream is over: whatever is still done for this call ends. */
  protected streamClosed(): void {
    this.streamOver = true
    if (!this.answered) {
      this.arrived("", "")
      this.traced?.failed(Failures.abandoned)
    }
    this.server.deadlines.remove(this)
    this.fiber?.interruptUnsafe()
    this.pending?.cancel(() => {
      this.pending = undefined
      this.leave()
    })
    if (this.fibers !== undefined) { for (const fiber of this.fibers.all()) fiber.interruptUnsafe() }
    this.leave()
  }

  /** Gives back what is held beyond regions. */
  protected abstract giveBack(): void

  /** Gives everything back, once, when nobody needs it any more. */
  private leave(): void {
    if (!this.streamOver || this.over || this.uses > 0 || this.fiber !== undefined || this.pending !== undefined) return
    if (this.fibers !== undefined && this.fibers.size > 0) return
    this.giveBack()
    this.over = true
    if (this.regions !== undefined) { for (const region of this.regions) region.release() }
    this.regions = undefined
    if (this.entered) this.server.inFlight.leave(this.bytes)
    this.stream.connection.working--
    this.server.left()
    this.traced?.ended()
  }
}
