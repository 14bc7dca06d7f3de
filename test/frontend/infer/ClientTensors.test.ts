import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import { ClientTensors, type Filled } from "../../../src/layers/frontend/internal/infer/ClientTensors.ts"
import { InFlight } from "../../../src/layers/frontend/internal/InFlight.ts"
import { InvalidRequest } from "../../../src/schema/Errors.ts"
import type { InferenceRequest, InferenceResponse } from "../../../src/schema/Inference.ts"
import { ClientMemory, type Window } from "../../../src/services/ClientMemory.ts"

const MiB = 1024 * 1024

const nobody = Effect.runSync(Effect.service(ClientMemory))

/** Regions without end whose copies are written down. */
class Scene {
  readonly copies: Array<readonly ["read" | "write", at: number, byteLength: number]> = []
  /** Runs before each copy, with the number of those before it. */
  before: (count: number) => Result.Result<void, InvalidRequest> = () => Result.void
  windows = 0
  released = 0
  readonly memory = SharedTensorMemory.make()
  readonly inFlight: InFlight
  readonly tensors: ClientTensors

  constructor(maxBytes = 100 * MiB) {
    const inFlight = new InFlight({ protocol: "http", maxRequests: 1, maxBytes, maxRequestBytes: maxBytes })
    const { memory } = this
    this.inFlight = inFlight
    this.tensors = new ClientTensors({ regions: { ...nobody, window: this.window }, memory, inFlight })
  }

  private readonly window = (_: string, __: number | bigint, byteLength: number | bigint): Result.Result<Window> => {
    this.windows++
    const copy = (kind: "read" | "write") => (bytes: Uint8Array, at: number) => {
      const done = this.before(this.copies.length)
      this.copies.push([kind, at, bytes.length])
      if (kind === "read") bytes.fill(this.copies.length)
      return done
    }
    return Result.succeed({
      byteLength: Number(byteLength),
      read: copy("read"),
      write: copy("write"),
      release: () => {
        this.windows--
      }
    })
  }

  readonly held = (): ReadonlyArray<number> => [this.windows, this.memory.usage().inUse, this.inFlight.bytes]

  /** A request with one input of so many bytes, all of which come from a region. */
  request(byteLength: number, sequence: InferenceRequest["sequence"] = undefined): InferenceRequest {
    const input: Filled = { name: "X", datatype: "UINT8", shape: [byteLength], data: new Uint8Array(0) }
    this.tensors.input(input, "r", 0, byteLength)
    return {
      id: "",
      inputs: [input],
      outputs: [],
      parameters: new Map(),
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 0,
      sequence
    }
  }

  /** Answers with the inputs. */
  readonly echo = (request: InferenceRequest): Effect.Effect<InferenceResponse> =>
    Effect.succeed({
      id: "",
      modelName: "m",
      modelVersion: "1",
      parameters: new Map(),
      outputs: request.inputs,
      timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
      release: () => {
        this.released++
      }
    })
}

const waiting = (): boolean => false

describe("ClientTensors", () => {
  it.live("copies in pieces, between which others have their turn", () =>
    Effect.gen(function*() {
      const scene = new Scene()
      const request = scene.request(2.5 * MiB)
      scene.tensors.output("X", "r", 0, 3 * MiB)
      const turns: Array<number> = []
      const look = (): void => {
        turns.push(scene.copies.length)
        if (scene.copies.length < 6) setImmediate(look)
      }
      setImmediate(look)
      const response = yield* scene.tensors.run(scene.echo, request, waiting)
      assert.includeMembers(turns, [1, 2, 4, 5])
      assert.deepStrictEqual(scene.copies, [
        ["read", 0, MiB],
        ["read", MiB, MiB],
        ["read", 2 * MiB, MiB / 2],
        ["write", 0, MiB],
        ["write", MiB, MiB],
        ["write", 2 * MiB, MiB / 2]
      ])
      const { data } = request.inputs[0]!
      assert.deepStrictEqual([data[0], data[MiB - 1], data[MiB], data[2 * MiB]], [1, 1, 2, 3])
      assert.instanceOf(data.buffer, SharedArrayBuffer)
      assert.strictEqual(response.outputs[0]!.data.length, 0)
      assert.strictEqual(scene.inFlight.bytes, 2.5 * MiB)
      scene.tensors.release()
      scene.tensors.release()
      assert.deepStrictEqual(scene.held(), [0, 0, 0])
    }))

  it.live("copies the input of a step of a sequence at once, so that no later step overtakes it", () =>
    Effect.gen(function*() {
      const scene = new Scene()
      const request = scene.request(3 * MiB, { id: 1n, start: true, end: false })
      yield* scene.tensors.run(scene.echo, request, waiting)
      assert.deepStrictEqual(scene.copies, [["read", 0, 3 * MiB]])
    }))

  it.live("copies no further once nobody waits, and gives the response back", () =>
    Effect.gen(function*() {
      const scene = new Scene()
      const request = scene.request(MiB)
      scene.tensors.output("X", "r", 0, 3 * MiB)
      let over = false
      scene.before = (count) => {
        over = count === 2
        return Result.void
      }
      const answer = (filled: InferenceRequest) =>
        scene.echo({ ...filled, inputs: [{ ...filled.inputs[0]!, data: new Uint8Array(3 * MiB) }] })
      const exit = yield* Effect.exit(scene.tensors.run(answer, request, () => over))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.deepStrictEqual(scene.copies.slice(1), [["write", 0, MiB], ["write", MiB, MiB]])
      assert.strictEqual(scene.released, 1)
      scene.tensors.release()
      assert.deepStrictEqual(scene.held(), [0, 0, 0])
    }))

  it.live("copies no further once it is interrupted", () =>
    Effect.gen(function*() {
      const scene = new Scene()
      const request = scene.request(50 * MiB)
      const fiber = yield* Effect.forkChild(scene.tensors.run(scene.echo, request, waiting))
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      yield* Fiber.interrupt(fiber)
      const { length } = scene.copies
      assert.isAbove(length, 0)
      assert.isBelow(length, 50)
      yield* Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 5)))
      assert.strictEqual(scene.copies.length, length)
    }))

  it.live("fails with what a copy failed with, and writes nothing where one output does not fit", () =>
    Effect.gen(function*() {
      const scene = new Scene()
      scene.before = () => Result.fail(new InvalidRequest({ message: "smaller" }))
      const failure = yield* Effect.flip(scene.tensors.run(scene.echo, scene.request(8), waiting))
      assert.strictEqual(failure.message, "smaller")
      const other = new Scene()
      const request = other.request(8)
      other.tensors.output("X", "r", 0, 7)
      const tooSmall = yield* Effect.flip(other.tensors.run(other.echo, request, waiting))
      assert.strictEqual(tooSmall.reason.code, "INTERNAL")
      assert.deepStrictEqual(other.copies, [["read", 0, 8]])
      assert.strictEqual(other.released, 1)
    }))

  it.live("refuses what the limits on bytes in the server do not admit", () =>
    Effect.gen(function*() {
      const scene = new Scene(100)
      const failure = yield* Effect.flip(scene.tensors.run(scene.echo, scene.request(101), waiting))
      assert.strictEqual(failure.reason._tag, "Overloaded")
      scene.tensors.release()
      assert.deepStrictEqual([...scene.held(), scene.copies.length], [0, 0, 0, 0])
    }))
})
