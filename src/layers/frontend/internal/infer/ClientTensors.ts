/**
 * Tensors of one request that lie in shared memory of its client: inputs are read from there before it runs, and outputs are written
 * there after it has run.
 *
 * Bytes are copied in pieces by the thread that serves connections, which turns to other work between two of them. A piece is copied only
 * while somebody waits for the answer, so that nothing is written after a request has ended, in whatever way.
 *
 * Source: protocol §4.9, §7.4.
 */
import { Effect, Result } from "effect"
import {
  ExecutionFailed,
  InferenceError,
  type InferenceFailure,
  type InvalidRequest,
  Overloaded
} from "../../../../schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Tensor } from "../../../../schema/Inference.ts"
import type { ClientMemoryState, Window } from "../../../../services/ClientMemory.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { InFlight } from "../InFlight.ts"

/** Bytes copied at once: about half a millisecond of one thread. */
const pieceBytes = 1024 * 1024
/** Tensors go to the memory that execution reads from this many bytes on. */
const minShared = 16 * 1024

const nothing = new Uint8Array(0)

/** A tensor whose bytes come later. @internal */
export interface Filled extends Tensor {
  data: Uint8Array
}

/** What a front end grants to tensors in shared memory. @internal */
export interface Surroundings {
  readonly regions: ClientMemoryState
  readonly memory: TensorMemory["Service"]
  readonly inFlight: InFlight
}

interface Copy {
  readonly window: Window
  readonly bytes: Uint8Array
  readonly writes: boolean
}

/** One turn of the event loop. */
const turn: Effect.Effect<void> = Effect.callback((resume) => {
  const waiting = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(waiting))
})

/** Copies in pieces of `most` bytes; `over`: nobody waits any more. */
const copyAll = (
  copies: ReadonlyArray<Copy>,
  most: number,
  over: () => boolean
): Effect.Effect<void, InvalidRequest> => {
  let next = 0
  let at = 0
  /** Copies up to the size of a piece. */
  const piece = (): Result.Result<void, InvalidRequest> => {
    let left = most
    while (left > 0 && next < copies.length) {
      const { bytes, window, writes } = copies[next]!
      const length = Math.min(left, bytes.length - at)
      const part = length === bytes.length ? bytes : bytes.subarray(at, at + length)
      if (length > 0) {
        const copied = writes ? window.write(part, at) : window.read(part, at)
        if (Result.isFailure(copied)) return copied
      }
      left -= length
      at += length
      if (at === bytes.length) {
        next++
        at = 0
      }
    }
    return Result.void
  }
  const step: Effect.Effect<void, InvalidRequest> = Effect.suspend(() => {
    if (over()) return Effect.interrupt
    const copied = piece()
    if (Result.isFailure(copied)) return Effect.fail(copied.failure)
    return next === copies.length ? Effect.void : Effect.andThen(turn, step)
  })
  return step
}

/** A request whose tensors are being read. @internal */
export interface TensorsOfRequest {
  /** What takes its tensors that lie in shared memory. Throws `RegionNotFound` where no client may have any. */
  inRegion(region: string): ClientTensors
}

/** @internal */
export class ClientTensors {
  private readonly around: Surroundings
  private readonly inputs: Array<{ readonly tensor: Filled; readonly window: Window }> = []
  private outputs: Map<string, Window> | undefined = undefined
  private readonly held: Array<{ readonly release: () => void }> = []
  private counted = 0

  constructor(around: Surroundings) {
    this.around = around
  }

  /** The bytes of `tensor` are those of a region. Throws `RegionNotFound` or `InvalidRequest`. */
  input(tensor: Filled, region: string, offset: number | bigint, byteSize: number | bigint): void {
    this.inputs.push({ tensor, window: this.open(region, offset, byteSize) })
  }

  /** The output `name` goes to a region. Throws `RegionNotFound` or `InvalidRequest`. */
  output(name: string, region: string, offset: number | bigint, byteSize: number | bigint): void {
    const outputs = this.outputs ??= new Map()
    outputs.set(name, this.open(region, offset, byteSize))
  }

  private open(region: string, offset: number | bigint, byteSize: number | bigint): Window {
    const window = Result.getOrThrow(this.around.regions.window(region, offset, byteSize))
    this.held.push(window)
    return window
  }

  /**
   * Fills the inputs, runs the request, and moves the outputs that go to regions there: the response then has them without bytes. `over`
   * tells that nobody waits for the answer any more.
   */
  run(
    infer: (request: InferenceRequest) => Effect.Effect<InferenceResponse, InferenceError>,
    request: InferenceRequest,
    over: () => boolean
  ): Effect.Effect<InferenceResponse, InferenceError> {
    // Steps of a sequence must not overtake one another, so that nothing comes between the pieces of one.
    const most = request.sequence === undefined ? pieceBytes : Number.POSITIVE_INFINITY
    const fill = Effect.suspend((): Effect.Effect<void, InferenceFailure> => {
      const refusal = this.takeMemory()
      if (refusal !== undefined) return Effect.fail(refusal)
      const copies = this.inputs.map(({ tensor, window }) => ({ window, bytes: tensor.data, writes: false }))
      return copyAll(copies, most, over)
    })
    const running = this.inputs.length === 0
      ? infer(request)
      : Effect.flatMap(wrapped(fill), () => infer(request))
    const { outputs } = this
    return outputs === undefined ? running : Effect.flatMap(running, (response) => this.save(response, outputs, over))
  }

  /** Memory for the inputs, within the limits on what the server holds for requests. */
  private takeMemory(): Overloaded | undefined {
    const { inFlight, memory } = this.around
    let bytes = 0
    for (const { window } of this.inputs) bytes += window.byteLength
    const refusal = inFlight.tooLarge(bytes) ?? inFlight.grow(bytes)
    if (refusal !== undefined) return new Overloaded({ message: refusal })
    this.counted = bytes
    for (const { tensor, window: { byteLength } } of this.inputs) {
      if (byteLength < minShared) {
        tensor.data = new Uint8Array(byteLength)
        continue
      }
      try {
        const region = memory.acquire(byteLength)
        this.held.push(region)
        tensor.data = region.bytes
      } catch {
        return new Overloaded({
          message: `There is no memory for a tensor of ${byteLength} bytes. Retry later, or send less at a time.`
        })
      }
    }
    return undefined
  }

  private save(
    response: InferenceResponse,
    windows: ReadonlyMap<string, Window>,
    over: () => boolean
  ): Effect.Effect<InferenceResponse, InferenceError> {
    const copies: Array<Copy> = []
    const outputs: Array<Tensor> = []
    for (const output of response.outputs) {
      const window = windows.get(output.name)
      if (window === undefined) {
        outputs.push(output)
        continue
      }
      const { data, name } = output
      if (data.length > window.byteLength) {
        response.release()
        return Effect.fail(
          new InferenceError({
            reason: new ExecutionFailed({
              model: response.modelName,
              message:
                `shared memory size specified with the request for output '${name}' (${window.byteLength} bytes) ` +
                `should be at least ${data.length} bytes to hold the results`
            })
          })
        )
      }
      copies.push({ window, bytes: data, writes: true })
      outputs.push({ ...output, data: nothing })
    }
    return wrapped(copyAll(copies, pieceBytes, over)).pipe(
      Effect.onError(() => Effect.sync(response.release)),
      Effect.as({ ...response, outputs })
    )
  }

  /** Gives everything back, once, when the request is over. */
  release(): void {
    for (const one of this.held) one.release()
    this.held.length = 0
    this.around.inFlight.shrink(this.counted)
    this.counted = 0
  }
}

const wrapped = <A>(effect: Effect.Effect<A, InferenceFailure>): Effect.Effect<A, InferenceError> =>
  Effect.mapError(effect, (reason) => new InferenceError({ reason }))
