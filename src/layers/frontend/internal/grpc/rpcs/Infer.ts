/** `ModelInfer`: one request, one response. Source: protocol §7.4. */
import { Cause, Exit, Result } from "effect"
import { type InferenceError, InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import type { InferenceResponse } from "../../../../../schema/Inference.ts"
import { begin } from "../../../../../services/InferenceServer.ts"
import { isNotResident, type Model, whenResident } from "../../../../../services/ModelRepository.ts"
import type { GrpcCall } from "../Call.ts"
import * as CallFacts from "../CallFacts.ts"
import type { Door } from "./Door.ts"
import type { RequestMessage } from "./infer/InferRequestReader.ts"
import * as InferResponseWriter from "./infer/InferResponseWriter.ts"
import { compress, prepare, read } from "./infer/Submission.ts"
import { refuse, type Rpc, unsuccessful } from "./Rpc.ts"

const nothing = (): void => {}

/** @internal */
export const rpcs = (door: Door): { readonly ModelInfer: Rpc } => {
  const infer = new InferRpc(door)
  return {
    ModelInfer: {
      category: "inference",
      arrived: (call) => infer.arrived(call),
      serve: (call) => call.receiveOne((message) => infer.submit(call, message))
    }
  }
}

/** The failure of a response that is too large to be sent. @internal */
export const responseTooLarge = (byteLength: number, limit: number): InvalidRequest =>
  new InvalidRequest({
    message: `Response has byte size ${byteLength} which exceeds gRPC's byte size limit ${limit}.`
  })

class InferRpc {
  private readonly door: Door

  constructor(door: Door) {
    this.door = door
  }

  /** Prepares to note what happens to the call, where somebody may want to know. */
  arrived(call: GrpcCall): void {
    const { arrivals } = this.door
    const atNanos = arrivals.moment()
    if (atNanos !== undefined) {
      call.mayTrace((model, version) => {
        const context = CallFacts.contextOf(call.metadata)
        const traced = arrivals.begin({ protocol: "grpc", model, version, atNanos, context, source: call })
        traced?.mark("GRPC_WAITREAD_START", atNanos)
        return traced
      })
    }
  }

  submit(call: GrpcCall, bytes: Uint8Array): void {
    const { door } = this
    const message = read(bytes)
    if (Result.isFailure(message)) return call.failure(message.failure)
    const { modelName, modelVersion } = message.success
    call.arrived(modelName, modelVersion)
    call.traced?.client(call.pass?.key)
    call.traced?.mark("GRPC_WAITREAD_END")
    const refused = call.pass?.over(modelName)
    if (refused !== undefined) return refuse(call, refused)
    const found = door.server.model(modelName, modelVersion)
    if (Result.isSuccess(found)) return this.proceed(call, message.success, found.success)
    if (!isNotResident(found.failure)) return call.failure(found.failure)
    // The deadline of the call ends the waiting.
    call.run(whenResident(() => door.server.model(modelName, modelVersion)), (exit) => {
      if (Exit.isFailure(exit)) unsuccessful(call, exit.cause)
      else this.proceed(call, message.success, exit.value)
    })
  }

  private proceed(call: GrpcCall, message: RequestMessage, model: Model): void {
    const { door } = this
    if (model.config.model_transaction_policy?.decoupled === true) {
      return call.failure(
        new Unsupported({ message: "ModelInfer RPC doesn't support models with decoupled transaction policy" })
      )
    }
    const request = prepare(door, call, message, (byteLength) => {
      const region = door.memory.acquire(byteLength)
      call.hold(region)
      return region.bytes
    }, call.traced?.trace)
    if (Result.isFailure(request)) return call.failure(request.failure)
    const { clientTensors, request: inference } = request.success
    if (clientTensors === undefined) {
      return call.start<InferenceResponse, InferenceError>(
        (resume) => begin(door.server, model, inference, resume),
        (exit) => this.answer(call, exit)
      )
    }
    call.hold(clientTensors)
    call.run(
      clientTensors.run((filled) => door.server.infer(model, filled), inference, () => call.settled),
      (exit) => this.answer(call, exit)
    )
  }

  private answer(call: GrpcCall, exit: Exit.Exit<InferenceResponse, InferenceError>): void {
    call.traced?.mark("INFER_RESPONSE_COMPLETE")
    if (Exit.isFailure(exit)) return unsuccessful(call, Cause.map(exit.cause, (error) => error.reason))
    const response = exit.value
    if (call.settled) return response.release()
    const borrowed = InferResponseWriter.borrows(response)
    const { byteLength, parts } = InferResponseWriter.unary(response)
    if (!borrowed) response.release()
    const { compression, maxSendMessageBytes } = this.door
    if (byteLength > maxSendMessageBytes) {
      if (borrowed) response.release()
      return call.failure(responseTooLarge(byteLength, maxSendMessageBytes))
    }
    compress(call, compression)
    call.reply(parts, byteLength, borrowed ? response.release : nothing)
  }
}
