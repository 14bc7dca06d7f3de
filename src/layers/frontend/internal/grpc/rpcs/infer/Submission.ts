/** The steps that every inference takes, of a call of its own or of a stream. */
import { Result } from "effect"
import {
  type DeadlineExceeded,
  type InvalidRequest,
  type MalformedRequest,
  Overloaded
} from "../../../../../../schema/Errors.ts"
import type { InferenceRequest } from "../../../../../../schema/Inference.ts"
import type { CompressionLevel } from "../../../../../../schema/options/GrpcRows.ts"
import { WireProblem } from "../../../../../../schema/proto/WireProblem.ts"
import type { TraceParent } from "../../../../../../schema/RequestTrace.ts"
import type { ClientTensors } from "../../../infer/ClientTensors.ts"
import { isReadFailure, type ReadFailure } from "../../../json/JsonAccess.ts"
import type { GrpcCall } from "../../Call.ts"
import type { Door } from "../Door.ts"
import { malformed } from "../Rpc.ts"
import { toRequest } from "./InferRequest.ts"
import * as InferRequestReader from "./InferRequestReader.ts"

/** Tensors given as lists of numbers go to shared memory from this many bytes on. */
const minShared = 16 * 1024

/** Reads a message; fails with `MalformedRequest` (INTERNAL) where the bytes are none. @internal */
export const read = (
  bytes: Uint8Array
): Result.Result<InferRequestReader.RequestMessage, MalformedRequest | InvalidRequest> => {
  try {
    return Result.succeed(InferRequestReader.read(bytes))
  } catch (thrown) {
    if (thrown instanceof WireProblem) return Result.fail(malformed())
    if (isReadFailure(thrown) && thrown._tag === "InvalidRequest") return Result.fail(thrown)
    throw thrown
  }
}

/** There is no memory for the tensors of a request. */
class NoMemory {
  readonly failure: Overloaded
  constructor(byteLength: number) {
    this.failure = new Overloaded({
      message: `There is no memory for a tensor of ${byteLength} bytes. Retry later, or send less at a time.`
    })
  }
}

/** A request, and what moves its tensors that lie in shared memory of its client, to be released when it is over. @internal */
export interface Prepared {
  readonly request: InferenceRequest
  readonly clientTensors: ClientTensors | undefined
}

/** The request of a message. `acquire` gives shared memory that is kept until the request is over. @internal */
export const prepare = (
  door: Pick<Door, "forward" | "clientTensors">,
  call: Pick<GrpcCall, "deadline" | "metadata">,
  message: InferRequestReader.RequestMessage,
  acquire: (byteLength: number) => Uint8Array,
  trace?: TraceParent
): Result.Result<Prepared, ReadFailure | DeadlineExceeded | Overloaded> => {
  const { forward } = door
  let clientTensors: ClientTensors | undefined
  try {
    const { deadline } = call
    const deadlineMicros = deadline === undefined ? 0 : deadline.leftMicros()
    if (deadline !== undefined && deadlineMicros === 0) return Result.fail(deadline.exceeded())
    const request = toRequest(message, {
      inRegion: () => clientTensors ??= door.clientTensors(),
      allocate: (byteLength) => {
        if (byteLength < minShared) return new Uint8Array(byteLength)
        try {
          return acquire(byteLength)
        } catch {
          throw new NoMemory(byteLength)
        }
      },
      forward,
      metadata: forward === undefined ? noMetadata : custom(call.metadata.raw),
      deadlineMicros,
      trace
    })
    return Result.succeed({ request, clientTensors })
  } catch (thrown) {
    clientTensors?.release()
    if (isReadFailure(thrown)) return Result.fail(thrown)
    if (thrown instanceof NoMemory) return Result.fail(thrown.failure)
    throw thrown
  }
}

const noMetadata: ReadonlyArray<string> = []

const ofTransport: ReadonlySet<string> = new Set(["te", "content-type"])

/** The metadata without what gRPC itself puts there. */
const custom = (raw: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept: Array<string> = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    if (!name.startsWith("grpc-") && !ofTransport.has(name)) kept.push(name, raw[i + 1]!)
  }
  return kept
}

/** Codings by preference: gzip makes smaller answers, deflate has fewer bytes around them. */
const preferred = {
  low: ["gzip", "deflate"],
  medium: ["deflate", "gzip"],
  high: ["deflate", "gzip"]
} as const

/** Compresses the answers of a call as its level says, where the client can read that. @internal */
export const compress = (call: GrpcCall, level: CompressionLevel): void => {
  if (level === "none") return
  const accepted = call.metadata.get("grpc-accept-encoding")?.split(",").map((coding) => coding.trim()) ?? []
  const coding = preferred[level].find((one) => accepted.includes(one))
  if (coding !== undefined) call.compress(coding)
}
