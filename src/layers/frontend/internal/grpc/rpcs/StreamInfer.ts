/** `ModelStreamInfer`: any number of requests, their responses in the same order. Source: protocol §7.5. */
import { Cause, Effect, Exit, Option, Result } from "effect"
import { codes, InferenceError, type InferenceFailure } from "../../../../../schema/Errors.ts"
import type { InferenceResponse } from "../../../../../schema/Inference.ts"
import * as TraceFailure from "../../../../../schema/TraceFailure.ts"
import type { Verdict } from "../../../../../services/Access.ts"
import { isNotResident, type Model, whenResident } from "../../../../../services/ModelRepository.ts"
import type { Region } from "../../../../../services/TensorMemory.ts"
import * as Failures from "../../tracing/Failures.ts"
import type { Failure, GrpcCall, MessageHandler, Receiver } from "../Call.ts"
import * as CallFacts from "../CallFacts.ts"
import { Status } from "../Status.ts"
import type { Door } from "./Door.ts"
import { responseTooLarge } from "./Infer.ts"
import type { RequestMessage } from "./infer/InferRequestReader.ts"
import * as InferResponseWriter from "./infer/InferResponseWriter.ts"
import { compress, prepare, read } from "./infer/Submission.ts"
import { type Rpc, shuttingDown } from "./Rpc.ts"
import { StreamSlot } from "./StreamSlot.ts"

/** @internal */
export const rpcs = (door: Door): { readonly ModelStreamInfer: Rpc } => ({
  ModelStreamInfer: { category: "inference", serve: (call) => new InferStream(door, call).begin() }
})

/** Failures of requests that were accepted; all others count as not issued. Source: protocol §7.5. */
const begunTags: ReadonlySet<InferenceFailure["_tag"]> = new Set<InferenceFailure["_tag"]>([
  "RequestTimedOut",
  "DeadlineExceeded",
  "Cancelled",
  "ExecutionFailed",
  "InstanceLost",
  "SequenceLost",
  "Unsupported"
])

class InferStream implements MessageHandler {
  private readonly door: Door
  private readonly call: GrpcCall
  /** The first failure of a request that was accepted ends the call with its status. */
  private readonly endsOnFailure: boolean
  /** Requests that are not answered yet, in order; answers behind one of them wait. */
  private readonly slots: Array<StreamSlot> = []
  private receiver: Receiver | undefined = undefined
  /** The next message was not asked for: too many requests are here, or the client reads slowly. */
  private paused = true
  /** Its opening counted as one request, which the first one is. */
  private counted = true
  /** The client reads slowly. */
  private blocked = false
  private proceeding = false
  /** The client has half-closed. */
  private ended = false
  /** Nothing is sent any more. */
  private over = false

  private readonly onEnding = (): void => this.proceed()

  constructor(door: Door, call: GrpcCall) {
    this.door = door
    this.call = call
    this.endsOnFailure = call.metadata.get("triton_grpc_error") === "true"
  }

  begin(): void {
    const { call } = this
    compress(call, this.door.compression)
    call.onDrain = () => {
      this.blocked = false
      this.proceed()
    }
    this.door.ending.watch(this.onEnding)
    this.receiver = call.receiveMany(this)
    this.proceed()
  }

  onMessage(bytes: Uint8Array, release: () => void): void {
    this.paused = true
    const slot = new StreamSlot()
    this.slots.push(slot)
    this.submit(slot, bytes, release)
    this.proceed()
  }

  onEnd(): void {
    this.ended = true
    this.proceed()
  }

  onCancel(): void {
    this.abandon()
  }

  /** Nothing is sent after this, except a status. */
  private close(): void {
    this.over = true
    this.door.ending.forget(this.onEnding)
  }

  /** Answers come to nobody any more; what they borrow is given back. */
  private abandon(): void {
    this.close()
    for (const slot of this.slots) {
      slot.sent()
      // The others end when their work does.
      if (slot.answer !== undefined) slot.drop(Failures.abandoned)
    }
    this.slots.length = 0
  }

  /** Nothing is sent any more; of a client that goes away after its last request nobody else tells. */
  private isOver(): boolean {
    if (!this.over && this.call.settled) this.abandon()
    return this.over
  }

  private submit(slot: StreamSlot, bytes: Uint8Array, release: () => void): void {
    const { call, door } = this
    const atNanos = door.arrivals.moment()
    const message = read(bytes)
    if (atNanos !== undefined) this.trace(slot, Result.getOrUndefined(message), atNanos)
    if (Result.isFailure(message)) {
      release()
      slot.drop(Failures.of(message.failure))
      this.abandon()
      return call.failure(message.failure)
    }
    if (call.closing || door.ending.begun || door.server.stopping()) {
      return this.turnAway(slot, message.success, shuttingDown(), release)
    }
    if (call.pass === undefined) return this.find(slot, message.success, release)
    const verdict = this.counted ? call.pass : call.pass.again()
    this.counted = false
    if (!Effect.isEffect(verdict)) return this.enter(slot, message.success, verdict, release)
    call.run(verdict, (exit) => {
      if (Exit.isSuccess(exit)) this.enter(slot, message.success, exit.value, release)
      else {
        release()
        this.settleFailure(slot, message.success, exit.cause)
      }
      this.proceed()
    })
  }

  /** Nothing was begun for a request. */
  private turnAway(slot: StreamSlot, message: RequestMessage, failure: Failure, release: () => void): void {
    release()
    this.refuse(slot, message, failure, false)
  }

  /** Of a client that is known again for each request. */
  private enter(slot: StreamSlot, message: RequestMessage, verdict: Verdict, release: () => void): void {
    const refused = verdict._tag === "Refused" ? verdict : verdict.over(message.modelName)
    if (refused === undefined) this.find(slot, message, release)
    else this.turnAway(slot, message, refused.failure, release)
  }

  private find(slot: StreamSlot, message: RequestMessage, release: () => void): void {
    const { call, door } = this
    const { modelName, modelVersion } = message
    const found = door.server.model(modelName, modelVersion)
    if (Result.isSuccess(found)) return this.infer(slot, message, found.success, release)
    if (!isNotResident(found.failure)) return this.turnAway(slot, message, found.failure, release)
    call.run(whenResident(() => door.server.model(modelName, modelVersion)), (exit) => {
      if (Exit.isSuccess(exit)) this.infer(slot, message, exit.value, release)
      else {
        release()
        this.settleFailure(slot, message, Cause.map(exit.cause, (reason) => new InferenceError({ reason })))
      }
      this.proceed()
    })
  }

  private trace(slot: StreamSlot, message: RequestMessage | undefined, atNanos: number): void {
    const { call, door: { arrivals } } = this
    const { modelName: model = "", modelVersion: version = "" } = message ?? {}
    const context = CallFacts.contextOf(call.metadata)
    slot.traced = arrivals.begin({ protocol: "grpc", model, version, atNanos, context, source: call })
    slot.traced?.client(call.pass?.key)
    slot.traced?.mark("GRPC_WAITREAD_START", atNanos)
    slot.traced?.mark("GRPC_WAITREAD_END")
  }

  private infer(slot: StreamSlot, message: RequestMessage, model: Model, release: () => void): void {
    const { call, door } = this
    const regions: Array<Region> = []
    const giveBack = (): void => {
      release()
      for (const region of regions) region.release()
    }
    const request = prepare(door, call, message, (byteLength) => {
      const region = door.memory.acquire(byteLength)
      regions.push(region)
      return region.bytes
    }, slot.traced?.trace)
    if (Result.isFailure(request)) {
      giveBack()
      this.refuse(slot, message, request.failure, false)
      return
    }
    const { clientTensors, request: inference } = request.success
    const running = clientTensors === undefined
      ? door.server.infer(model, inference)
      : clientTensors.run((filled) => door.server.infer(model, filled), inference, () => this.over || call.settled)
    call.run(running, (exit) => {
      clientTensors?.release()
      giveBack()
      slot.traced?.mark("INFER_RESPONSE_COMPLETE")
      this.settle(slot, message, exit)
      this.proceed()
    })
  }

  /** Fills the place of a request that has ended. */
  private settle(slot: StreamSlot, message: RequestMessage, exit: Exit.Exit<InferenceResponse, InferenceError>): void {
    if (Exit.isFailure(exit)) return this.settleFailure(slot, message, exit.cause)
    const response = exit.value
    if (this.isOver()) {
      slot.drop(Failures.abandoned)
      return response.release()
    }
    const borrowed = InferResponseWriter.borrows(response)
    const answer = InferResponseWriter.streamed(response, true)
    if (!borrowed) response.release()
    const { maxSendMessageBytes } = this.door
    if (answer.byteLength <= maxSendMessageBytes) {
      slot.answer = answer
      slot.traced?.answered(Status.ok)
      if (borrowed) slot.sent = response.release
      return
    }
    if (borrowed) response.release()
    this.fail(slot, message, responseTooLarge(answer.byteLength, maxSendMessageBytes), true)
  }

  private settleFailure(slot: StreamSlot, message: RequestMessage, cause: Cause.Cause<InferenceError>): void {
    if (this.isOver()) return slot.drop(Failures.abandoned)
    const failure = Cause.findErrorOption(cause)
    if (Option.isSome(failure)) {
      const { reason } = failure.value
      return this.fail(slot, message, reason, begunTags.has(reason._tag))
    }
    if (Cause.hasInterruptsOnly(cause)) return this.fail(slot, message, shuttingDown(), true)
    slot.drop(TraceFailure.bug)
    this.abandon()
    this.call.defect(cause)
  }

  private fail(slot: StreamSlot, message: RequestMessage, failure: Failure, begun: boolean): void {
    if (begun && this.endsOnFailure) {
      slot.traced?.answered(codes[failure.code].grpc)
      slot.drop(Failures.of(failure))
      this.abandon()
      return this.call.failure(failure)
    }
    this.refuse(slot, message, failure, begun)
  }

  /** Fills the place of a request with its failure. */
  private refuse(slot: StreamSlot, message: RequestMessage, failure: Failure, begun: boolean): void {
    if (this.isOver()) return slot.drop(Failures.abandoned)
    slot.traced?.failed(Failures.of(failure))
    slot.traced?.answered(codes[failure.code].grpc)
    slot.answer = InferResponseWriter.streamedFailure(failure.message, message, begun)
  }

  /** Sends what is due, and asks for the next request where there is room, again as long as it comes at once. */
  private proceed(): void {
    if (this.proceeding) return
    this.proceeding = true
    do this.flush()
    while (this.comesAtOnce())
    this.proceeding = false
    if (!this.over && this.slots.length === 0) this.rest()
  }

  /** Every request is answered. An open stream must not hold up the end of the server. */
  private rest(): void {
    if (this.ended) {
      this.close()
      this.call.finish(Status.ok, "")
    } else if (this.door.ending.begun) {
      this.close()
      this.call.failure(shuttingDown())
    }
  }

  /** Asks for the next request; `true`: it is here already. */
  private comesAtOnce(): boolean {
    if (this.over || this.ended || this.blocked || !this.paused) return false
    if (this.slots.length >= this.door.maxStreamRequests) return false
    this.paused = false
    this.receiver?.more()
    return this.paused
  }

  private flush(): void {
    const { call, slots } = this
    while (!this.blocked && !this.isOver()) {
      const slot = slots[0]
      const answer = slot?.answer
      if (slot === undefined || answer === undefined) return
      slots.shift()
      slot.traced?.mark("GRPC_SEND_START")
      this.blocked = !call.send(answer.parts, answer.byteLength, slot.sent)
      slot.leave()
    }
  }
}
