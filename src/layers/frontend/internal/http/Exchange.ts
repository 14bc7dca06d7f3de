/**
 * One HTTP request from its head to the end of its answer: what it holds, and the one place where it gives everything back.
 *
 * It is over when its answer was sent (or its connection closed) and no fiber works for it any more; only then its body's
 * memory and its share of the limits are given back.
 */
import { Cause, type Effect, type Exit, type Fiber } from "effect"
import type { Pass } from "../../../../services/Access.ts"
import { type Begun, exitOf } from "../../../../services/Begun.ts"
import type { Region } from "../../../../services/TensorMemory.ts"
import type { InFlight } from "../InFlight.ts"
import * as Failures from "../tracing/Failures.ts"
import type { Traced } from "../tracing/Traced.ts"
import type { ContentType } from "./Answer.ts"
import * as Outbox from "./Outbox.ts"
import { type Captures, noCaptures } from "./Router.ts"
import type { Carrier, Request, Response } from "./Wire.ts"

/** What calls need of the server around them. @internal */
export interface Surroundings {
  readonly inFlight: InFlight
  /** A call has begun. */
  readonly entered: () => void
  /** Runs an effect in a fiber that ends with the server. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The server takes no more requests. */
  readonly closing: () => boolean
  /** The server ends soon: connections close after their answer. */
  readonly leaving: () => boolean
  /** A call is over. */
  readonly left: () => void
  /** Tells the operator of a bug. */
  readonly report: (cause: Cause.Cause<unknown>) => void
}

/** A body of this size is read to its end after an early answer, so that the connection can stay. */
const maxDiscarded = 1024 * 1024
/** What a call is apart from the forms of its answers. @internal */
export abstract class Exchange {
  readonly request: Request
  readonly response: Response
  readonly captures: Captures = noCaptures()
  /** Content-Type of this route's errors. */
  contentType: ContentType = "text/plain"
  /** Headers of every answer to this request, as name and value in turn. */
  always: ReadonlyArray<string> | undefined = undefined
  /** What the client may see and do; `undefined`: everything. */
  pass: Pass | undefined = undefined
  /** Where what happens to it is noted. */
  traced: Traced | undefined = undefined
  /** The body is being received. */
  receiving = false
  /** A fiber works on it. */
  running = false
  protected readonly server: Surroundings
  private readonly connection: Carrier
  /** The client waits for `100 Continue` before it sends the body. */
  private expecting: boolean
  private received: boolean
  private entered = false
  private bytes = 0
  private answered = false
  private sent = false
  private over = false
  private regions: Array<Pick<Region, "release">> | undefined = undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** What works on it without a fiber. */
  private pending: Begun | undefined = undefined
  /** Runs once, when the answer was sent or nobody waits for it any more. */
  protected onSent: (() => void) | undefined = undefined
  private onAbort: (() => void) | undefined = undefined

  /** `bodied`: a body may come. `expecting`: the client waits for `100 Continue` before it sends that. */
  constructor(
    request: Request,
    response: Response,
    connection: Carrier,
    server: Surroundings,
    bodied: boolean,
    expecting: boolean
  ) {
    this.request = request
    this.response = response
    this.connection = connection
    this.server = server
    this.expecting = expecting
    this.received = !bodied
    response.belongTo(this)
    connection.calls.add(this)
  }

  /** Announced size of the body in bytes; `undefined` for a chunked one. */
  get contentLength(): number | undefined {
    const length = this.request.headers["content-length"]
    return length === undefined ? this.received ? 0 : undefined : Number(length)
  }

  /** The server takes no more requests. */
  get closing(): boolean {
    return this.server.closing()
  }

  /** `true` once an answer was chosen or nobody waits for one. */
  get settled(): boolean {
    return this.answered || this.sent
  }

  /** Takes a place and so many bytes within the limits; the reason when there is no room. */
  enter(bytes: number): string | undefined {
    const refusal = this.server.inFlight.enter(bytes)
    if (refusal === undefined) {
      this.entered = true
      this.bytes = bytes
    }
    return refusal
  }

  /** Takes more bytes within the limits; without a place, where only the bytes count. */
  grow(bytes: number): string | undefined {
    const refusal = this.server.inFlight.grow(bytes)
    if (refusal === undefined) this.bytes += bytes
    return refusal
  }

  /** Keeps a region, or what holds several, until the call is over. */
  hold(region: Pick<Region, "release">): void {
    if (this.regions === undefined) this.regions = [region]
    else this.regions.push(region)
  }

  /** The body is about to be received; `onAbort` runs when the connection closes before its end. */
  receive(onAbort: () => void): void {
    this.receiving = true
    this.onAbort = onAbort
    if (this.expecting) {
      this.expecting = false
      this.response.writeContinue()
    }
  }

  /** The whole body is here. */
  bodyEnded(): void {
    this.receiving = false
    this.received = true
    this.onAbort = undefined
    this.traced?.mark("HTTP_RECV_END")
  }

  /** Runs an effect for this call; a client that disconnects interrupts it. `onExit` is called exactly once. */
  run<A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void): void {
    this.running = true
    const fiber = this.server.fork(effect)
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.fiber === fiber) {
        this.fiber = undefined
        this.running = false
      }
      this.guard(() => onExit(exit))
      if (this.sent) this.leave()
    })
  }

  /**
   * As `run`, of what needs no fiber. `begin` calls `resume` once, at once or later, unless it is cancelled before, with an exit or with an
   * effect that is run then.
   */
  start<A, E>(
    begin: (resume: (answer: Effect.Effect<A, E>) => void) => Begun,
    onExit: (exit: Exit.Exit<A, E>) => void
  ): void {
    let resumed = false
    this.running = true
    const begun = begin((answer) => {
      resumed = true
      this.pending = undefined
      const exit = exitOf(answer)
      if (exit === undefined) return this.run(answer, onExit)
      this.running = false
      this.guard(() => onExit(exit))
      if (this.sent) this.leave()
    })
    if (!resumed) this.pending = begun
  }

  /** The connection is closed after this answer. */
  close(): void {
    this.response.shouldKeepAlive = false
  }

  /** Answers that the server takes no more requests. */
  abstract exiting(): void

  /** Answers with an error. */
  abstract error(status: number, message: string): void

  /** Reports a bug and ends the call. */
  abstract defect(cause: Cause.Cause<unknown>): void

  /** Ends a call that cannot be answered properly any more. */
  protected cut(): void {
    if (this.answered && !this.sent) this.connection.destroy()
  }

  /** Runs a step of this call's work; what it throws is a bug that ends this call and nothing else. */
  guard(step: () => void): void {
    try {
      step()
    } catch (thrown) {
      this.defect(Cause.die(thrown))
    }
  }

  /** Sends the head of the only answer. `true`: the connection lingers, see {@link abandonBody}. */
  protected begin(status: number, headers: Array<string>): boolean {
    this.answered = true
    this.receiving = false
    this.traced?.mark("HTTP_SEND_START")
    this.traced?.answered(status)
    this.onAbort?.()
    this.onAbort = undefined
    const response = this.response
    const linger = !this.received && this.abandonBody()
    if (this.server.leaving()) response.shouldKeepAlive = false
    response.sendDate = false
    if (response.shouldKeepAlive && this.request.httpVersionMinor === 1) response.removeHeader("connection")
    if (this.always !== undefined) headers.push(...this.always)
    response.writeHead(status, headers)
    return linger
  }

  /** Sends the only answer; another one is dropped. */
  protected answer(
    status: number,
    headers: Array<string>,
    byteLength: number,
    body: string | ReadonlyArray<Uint8Array>,
    encoding: "utf8" | "latin1" = "utf8"
  ): void {
    if (this.settled) return
    const response = this.response
    headers.push("Content-Length", String(byteLength))
    const linger = this.begin(status, headers)
    if (typeof body === "string") {
      if (linger) response.write(body, encoding, () => this.finishEarly())
      else if (this.server.inFlight.requests > 1 && response.leavesTogether !== true) {
        Outbox.post(response, body, encoding)
      } else response.end(body, encoding)
    } else {
      response.endParts(body, byteLength)
    }
  }

  /**
   * The answer comes before the body was read. A short rest is read and dropped; for a long one the answer goes out at once and
   * the connection is read for a moment longer, because closing it at once could destroy the answer on its way. `true`: that.
   */
  private abandonBody(): boolean {
    if (this.response.multiplexed) {
      this.request.resume()
      return false
    }
    if (this.expecting) {
      this.response.shouldKeepAlive = false
      return false
    }
    const length = this.contentLength
    if (length !== undefined && length <= maxDiscarded) {
      this.request.resume()
      return false
    }
    this.response.shouldKeepAlive = false
    this.request.resume()
    this.connection.linger()
    return true
  }

  /** The answer left before the body was read: nothing more is sent, and what still comes is dropped. */
  private finishEarly(): void {
    this.finish()
    this.connection.end()
  }

  /** The last byte of the answer went to the operating system. */
  finish(): void {
    if (this.sent) return
    this.sent = true
    this.traced?.mark("HTTP_SEND_END")
    this.giveBackAnswer()
    this.connection.calls.delete(this)
    this.connection.left()
    this.leave()
  }

  /** The connection closed: whatever is still done for this call ends. */
  abort(): void {
    if (this.sent) return
    this.sent = true
    this.receiving = false
    this.traced?.failed(Failures.abandoned)
    this.onAbort?.()
    this.onAbort = undefined
    this.connection.calls.delete(this)
    this.giveBackAnswer()
    this.fiber?.interruptUnsafe()
    this.pending?.cancel(() => {
      this.pending = undefined
      this.running = false
      this.leave()
    })
    this.leave()
  }

  private giveBackAnswer(): void {
    const release = this.onSent
    this.onSent = undefined
    release?.()
  }

  /** Gives everything back, once, when neither the connection nor a fiber needs it. */
  private leave(): void {
    if (this.over || this.fiber !== undefined || this.pending !== undefined) return
    this.over = true
    if (this.regions !== undefined) { for (const region of this.regions) region.release() }
    this.regions = undefined
    if (this.entered) this.server.inFlight.leave(this.bytes)
    else this.server.inFlight.shrink(this.bytes)
    this.server.left()
    this.traced?.ended()
  }
}
