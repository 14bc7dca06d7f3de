/** Inference. Source: protocol §4. */
import { Cause, Effect, Exit, Result } from "effect"
import {
  type InferenceError,
  type InferenceFailure,
  InvalidRequest,
  Unsupported
} from "../../../../../schema/Errors.ts"
import type { InferenceResponse } from "../../../../../schema/Inference.ts"
import { begin } from "../../../../../services/InferenceServer.ts"
import { isNotResident, type Model } from "../../../../../services/ModelRepository.ts"
import { single } from "../../HeaderValue.ts"
import * as Compression from "../../infer/Compression.ts"
import { Deadline } from "../../infer/Deadline.ts"
import type { DecodedRequest } from "../../infer/DecodedRequest.ts"
import * as HeaderLength from "../../infer/HeaderLength.ts"
import { decode } from "../../infer/InferRequestDecoder.ts"
import { encode, type EncodedResponse } from "../../infer/InferResponseEncoder.ts"
import { KnownHeads } from "../../infer/KnownHeads.ts"
import { KnownTexts } from "../../infer/KnownTexts.ts"
import { decodeRaw } from "../../infer/RawRequestDecoder.ts"
import { untilDeadline } from "../../Resident.ts"
import * as SmallMemory from "../../SmallMemory.ts"
import type { ContentType } from "../Answer.ts"
import { type Plan, receive } from "../Body.ts"
import type { Call } from "../Call.ts"
import { HttpArrival } from "../HttpArrival.ts"
import * as RequestTimeout from "../RequestTimeout.ts"
import type { Route } from "../Router.ts"
import { serverTiming } from "../ServerTiming.ts"
import type { Door } from "./Door.ts"
import { jsonTooLarge } from "./JsonBody.ts"

/** Tensors given as JSON go to shared memory from this many bytes on. */
const minShared = 16 * 1024

/** @internal */
export const routes = (door: Door): ReadonlyArray<Route> => {
  const infer = new InferRoute(door)
  return [{
    category: "inference",
    contentType: "text/plain",
    path: "/v2/models/{model}[/versions/{version}]/infer",
    arrived: (call) => infer.arrived(call),
    post: (call) => infer.begin(call)
  }]
}

class InferRoute {
  private readonly door: Door
  private readonly heads = new KnownHeads()
  private readonly texts = new KnownTexts()

  constructor(door: Door) {
    this.door = door
  }

  /** Begins to note what happens to the request, where somebody wants to know. */
  arrived(call: Call): void {
    const { arrivals } = this.door
    if (!arrivals.active() || call.request.method !== "POST") return
    const arrival = new HttpArrival(call, arrivals.clock)
    const traced = arrivals.begin(arrival)
    if (traced === undefined) return
    call.traced = traced
    traced.mark("HTTP_RECV_START", arrival.atNanos)
  }

  /** Finds the model, and reads how long the client waits and the coding of the body. */
  begin(call: Call): void {
    const found = this.door.server.model(call.captures.model, call.captures.version)
    if (Result.isSuccess(found)) return this.proceed(call, found.success, deadlineOf(call))
    if (!isNotResident(found.failure)) return call.failure(found.failure)
    const deadline = deadlineOf(call)
    const ask = () => this.door.server.model(call.captures.model, call.captures.version)
    call.answerWith(
      Effect.flatMap(Effect.fromResult(deadline), (within) => untilDeadline(ask, within)),
      (model) => this.proceed(call, model, deadline)
    )
  }

  private proceed(call: Call, model: Model, within: Result.Result<Deadline | undefined, InvalidRequest>): void {
    if (model.config.model_transaction_policy?.decoupled === true) {
      return call.failure(
        new Unsupported({ message: "HTTP end point doesn't support models with decoupled transaction policy" })
      )
    }
    if (Result.isFailure(within)) return call.failure(within.failure)
    const deadline = within.success
    const compressed = Compression.isCompressed(call.request.headers["content-encoding"])
    if (Result.isFailure(compressed)) {
      call.failure(compressed.failure, "text/plain", ["Accept-Encoding", Compression.accepted])
    } else if (compressed.success) this.receiveCompressed(call, model, deadline)
    else this.receivePlain(call, model, deadline)
  }

  private receivePlain(call: Call, model: Model, deadline: Deadline | undefined): void {
    const header = headerOf(call)
    const length = call.contentLength
    if (length !== undefined) {
      const jsonLength = HeaderLength.parse(header, length)
      if (Result.isFailure(jsonLength)) return call.failure(jsonLength.failure)
      const refusal = this.tooLarge(jsonLength.success, length)
      if (refusal !== undefined) return call.failure(refusal)
    }
    const announced = header === undefined ? -1 : Number(header)
    const binaryAt = announced >= 0 ? announced : undefined
    // Of a body that does not announce its size, the binary section alone may go beyond `maxInputSize`.
    const maxChunked = binaryAt !== undefined && binaryAt > 0
      ? this.door.inFlight.limits.maxRequestBytes
      : this.door.maxInputSize
    // JSON is read at once, and tensors are made of it; only what is binary goes on as it came.
    const isBrief = header === undefined
    this.receive(call, { binaryAt, maxChunked, isBrief }, deadline, (body) => this.submit(call, model, deadline, body))
  }

  private receiveCompressed(call: Call, model: Model, deadline: Deadline | undefined): void {
    const { maxInputSize } = this.door
    this.receive(call, { binaryAt: undefined, maxChunked: maxInputSize, isBrief: false }, deadline, (body) => {
      call.answerWith(Compression.decompress(body, maxInputSize), (inflated) => {
        const refusal = call.grow(inflated.length)
        if (refusal !== undefined) call.overloaded(refusal)
        else this.submit(call, model, deadline, inflated)
      })
    })
  }

  /** Enters the limits and receives the body. */
  private receive(
    call: Call,
    { binaryAt, isBrief, maxChunked }: Pick<Plan, "binaryAt" | "maxChunked"> & { readonly isBrief: boolean },
    deadline: Deadline | undefined,
    onBody: (body: Uint8Array) => void
  ): void {
    const length = call.contentLength
    const { inFlight } = this.door
    const never = inFlight.tooLarge(length ?? 0)
    if (never !== undefined) return call.error(503, never)
    const refusal = call.enter(length ?? 0)
    if (refusal !== undefined) return call.overloaded(refusal)
    const most = Math.min(maxChunked, inFlight.limits.maxBytes)
    const plan: Plan = {
      memory: this.door.memory,
      binaryAt,
      isBrief,
      maxChunked: most,
      onTooLarge: (size) => {
        const failure = this.tooLarge(binaryAt, size)
        if (failure !== undefined) call.failure(failure)
        else call.error(503, inFlight.tooLarge(size) ?? jsonTooLarge(size, most))
      }
    }
    if (deadline === undefined) receive(call, plan, onBody)
    else receive(call, plan, (body) => deadline.leftMicros() > 0 ? onBody(body) : this.late(call, deadline))
  }

  private tooLarge(jsonLength: number | undefined, length: number): InvalidRequest | undefined {
    const { maxInputSize } = this.door
    const bounded = jsonLength === undefined || jsonLength === 0 ? length : jsonLength
    if (bounded <= maxInputSize) return undefined
    return new InvalidRequest({
      message: jsonLength === 0
        ? `Raw input has a byte_size (${length} bytes) that exceeds the maximum allowed value of ${maxInputSize} bytes. ` +
          "Use --http-max-input-size to increase the limit."
        : jsonTooLarge(bounded, maxInputSize)
    })
  }

  private late(call: Call, deadline: Deadline): void {
    call.failure(deadline.exceeded(), "application/json")
  }

  /** Decodes the whole body and hands the request to the server. */
  private submit(call: Call, model: Model, deadline: Deadline | undefined, body: Uint8Array): void {
    const { clientTensors, forward, maxInputSize, server } = this.door
    const jsonLength = HeaderLength.parse(headerOf(call), body.length)
    if (Result.isFailure(jsonLength)) return call.failure(jsonLength.failure)
    const options = {
      modelName: model.name,
      maxInputSize,
      allocate: (byteLength: number) => this.allocate(call, byteLength),
      clientTensors,
      heads: this.heads,
      texts: this.texts,
      trace: call.traced?.trace
    }
    const raw = jsonLength.success === 0 || body.length === 0
    const decoded = raw
      ? decodeRaw(body, model.signature, options)
      : decode(body, jsonLength.success, options)
    if (Result.isFailure(decoded)) return call.failure(decoded.failure, "application/json")
    const tensors = decoded.success.clientTensors
    if (tensors !== undefined) call.hold(tensors)
    let request = decoded.success.request
    if (forward !== undefined) {
      const parameters = forward(call.request.rawHeaders, request.parameters)
      if (Result.isFailure(parameters)) return call.failure(parameters.failure, "application/json")
      request = { ...request, parameters: parameters.success }
    }
    if (deadline !== undefined) {
      const deadlineMicros = deadline.leftMicros()
      if (deadlineMicros === 0) return this.late(call, deadline)
      request = { ...request, deadlineMicros }
    }
    if (tensors === undefined) {
      return call.start<InferenceResponse, InferenceError>(
        (resume) => begin(server, model, request, resume),
        (exit) => this.answer(call, decoded.success, exit)
      )
    }
    call.run(
      tensors.run((filled) => server.infer(model, filled), request, () => call.settled),
      (exit) => this.answer(call, decoded.success, exit)
    )
  }

  private allocate(call: Call, byteLength: number): Uint8Array {
    if (byteLength <= SmallMemory.largest) return SmallMemory.take(byteLength)
    if (byteLength < minShared) return new Uint8Array(byteLength)
    const region = this.door.memory.acquire(byteLength)
    call.hold(region)
    return region.bytes
  }

  private answer(call: Call, decoded: DecodedRequest, exit: Exit.Exit<InferenceResponse, InferenceError>): void {
    call.traced?.mark("INFER_RESPONSE_COMPLETE")
    if (Exit.isFailure(exit)) {
      return call.unsuccessful(Cause.map(exit.cause, (error) => error.reason), errorContentType)
    }
    const response = exit.value
    if (call.settled) return response.release()
    const encoded = encode(response, decoded)
    if (Result.isFailure(encoded)) {
      response.release()
      return call.failure(encoded.failure)
    }
    const coding = Compression.negotiate(single(call.request.headers["accept-encoding"]))
    if (coding === undefined) this.send(call, encoded.success, response)
    else this.compress(call, coding, encoded.success, response)
  }

  private send(call: Call, encoded: EncodedResponse, response: InferenceResponse): void {
    const { body, byteLength } = encoded
    const headers = this.headersOf(encoded, response)
    // A string, or one part, is a copy of everything.
    const isCopy = body.length === 1 || typeof body === "string"
    if (isCopy) response.release()
    if (typeof body === "string") call.latin1(headers, body)
    else call.parts(headers, byteLength, body, isCopy ? nothing : response.release)
  }

  private compress(
    call: Call,
    coding: Compression.ContentCoding,
    encoded: EncodedResponse,
    response: InferenceResponse
  ): void {
    const { body } = encoded
    const parts = typeof body === "string" ? [Buffer.from(body, "latin1")] : body
    call.run(Compression.compress(coding, parts), (exit) => {
      response.release()
      if (Exit.isFailure(exit)) return call.unsuccessful(exit.cause)
      const headers = this.headersOf(encoded, response)
      headers.push("Content-Encoding", coding)
      call.parts(headers, exit.value.length, [exit.value], nothing)
    })
  }

  private headersOf(encoded: EncodedResponse, response: InferenceResponse): Array<string> {
    const { contentType, inferenceHeaderContentLength } = encoded
    const headers = inferenceHeaderContentLength === undefined
      ? ["Content-Type", contentType]
      : ["Content-Type", contentType, "Inference-Header-Content-Length", String(inferenceHeaderContentLength)]
    if (this.door.serverTiming) headers.push("Server-Timing", serverTiming(response.timing))
    return headers
  }
}

const nothing = (): void => {}

const never: Result.Result<undefined> = Result.succeed(undefined)

const deadlineOf = (call: Call): Result.Result<Deadline | undefined, InvalidRequest> => {
  const timeout = call.request.headers[RequestTimeout.name]
  return timeout === undefined ? never : Result.map(RequestTimeout.parse(timeout), (millis) => new Deadline(millis))
}

const headerOf = (call: Call): string | undefined => single(call.request.headers["inference-header-content-length"])

/** Failures found before a request runs are application/json, later ones text/plain, as in protocol §2.2. */
const errorContentType = (failure: InferenceFailure): ContentType =>
  failure._tag === "ExecutionFailed" || failure._tag === "InstanceLost" || failure._tag === "Cancelled"
    ? "text/plain"
    : "application/json"
