/** A call without a transport: what a procedure does with it is recorded. */
import type { Cause, Effect, Exit, Fiber } from "effect"
import { Effect as Effects } from "effect"
import type {
  Coding,
  Failure,
  GrpcCall,
  MessageHandler,
  Receiver
} from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { Metadata } from "../../../src/layers/frontend/internal/grpc/Metadata.ts"
import { codes } from "../../../src/schema/Errors.ts"
import type { Pass } from "../../../src/services/Access.ts"
import { type Begun, fromBegun } from "../../../src/services/Begun.ts"
import type { ArrivalFacts } from "../../../src/services/Tracing.ts"

export interface Ended {
  readonly status: number
  readonly message: string
}

export class FakeCall implements GrpcCall {
  readonly path = "/test.Service/Method"
  readonly metadata = new Metadata([])
  readonly deadline = undefined
  readonly traced = undefined
  readonly peer = "127.0.0.1"
  pass: Pass | undefined = undefined
  closing = false
  onDrain: (() => void) | undefined = undefined
  /** Messages that were sent. */
  readonly messages: Array<Uint8Array> = []
  ended: Ended | undefined = undefined
  /** Set: the client reads slowly, so `send` says `false`. */
  slow = false
  counted: boolean | undefined = undefined
  /** Messages that the procedure is done with. */
  released = 0
  private cancelled = false
  private handler: MessageHandler | undefined = undefined
  private asked = 0
  private readonly waiting: Array<Uint8Array> = []
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly only: Uint8Array | undefined

  /** `only`: the message of a call that takes one. */
  constructor(only?: Uint8Array) {
    this.only = only
  }

  get settled(): boolean {
    return this.ended !== undefined || this.cancelled
  }

  receiveOne(onMessage: (message: Uint8Array) => void, counted = true): void {
    this.counted = counted
    onMessage(this.only!)
  }

  receiveMany(handler: MessageHandler): Receiver {
    this.handler = handler
    return {
      more: () => {
        this.asked++
        this.deliver()
      }
    }
  }

  private deliver(): void {
    while (this.asked > 0 && this.waiting.length > 0 && !this.settled) {
      this.asked--
      this.handler!.onMessage(this.waiting.shift()!, () => {
        this.released++
      })
    }
  }

  /** The client sends a message. */
  receive(message: Uint8Array): void {
    this.waiting.push(message)
    this.deliver()
  }

  /** The client half-closes. */
  end(): void {
    this.handler!.onEnd()
  }

  /** The client goes away. */
  cancel(): void {
    this.cancelled = true
    this.handler?.onCancel()
    for (const fiber of this.fibers) fiber.interruptUnsafe()
  }

  hold(): void {}

  mayTrace(): void {}

  arrived(): void {}

  facts(): ArrivalFacts {
    return { name: this.path, attributes: [] }
  }

  run<A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void): void {
    const fiber = Effects.runFork(effect)
    this.fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      onExit(exit)
    })
  }

  start<A, E>(
    begin: (resume: (answer: Effects.Effect<A, E>) => void) => Begun,
    onExit: (exit: Exit.Exit<A, E>) => void
  ): void {
    this.run(fromBegun(begin), onExit)
  }

  send(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): boolean {
    if (this.settled) return true
    const message = new Uint8Array(Buffer.concat(parts))
    if (message.length !== byteLength) throw new Error(`${message.length} bytes instead of ${byteLength}`)
    this.messages.push(message)
    sent()
    return !this.slow
  }

  reply(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): void {
    this.send(parts, byteLength, sent)
    this.finish(0, "")
  }

  finish(status: number, message: string): void {
    this.ended ??= { status, message }
  }

  failure(failure: Failure): void {
    this.finish(codes[failure.code].grpc, failure.message)
  }

  defect(cause: Cause.Cause<unknown>): void {
    this.finish(13, String(cause))
  }

  compress(_coding: Coding): void {}
}
