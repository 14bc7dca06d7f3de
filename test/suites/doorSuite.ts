/**
 * What every way into the server promises: the same requests get the same answers and the same errors.
 *
 * An implementation joins by one file in `test/suites/doors` and one line in `test/integration/doors.test.ts`.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Result } from "effect"
import { SequenceLost } from "../../src/schema/Errors.ts"
import type { Parameter } from "../../src/schema/Inference.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import type { Request } from "../../src/services/InferenceServer.ts"
import { eventually } from "../integration/http/Wire.ts"
import type { Answer, Door, DoorKind } from "./Door.ts"
import { answered, refused, simple } from "./doorCases.ts"
import { type DoorServer, start } from "./DoorServer.ts"

/** One server, and the door to it that is looked at. */
class Opened extends Context.Service<Opened, { readonly server: DoorServer; readonly door: Door }>()(
  "galatea/test/suites/doorSuite/Opened"
) {}

const open = (kind: DoorKind): Layer.Layer<Opened> =>
  Layer.effect(
    Opened,
    Effect.gen(function*() {
      const server = yield* start
      return { server, door: yield* kind.open(server.services) }
    })
  )

/** A request that `queued` runs when it is let; the number tells it from others. */
const queued = (number: number, changes: Partial<Request> = {}): Request => ({
  model: "queued",
  inputs: [Tensors.from("INPUT0", [1, 1], new Float32Array(Uint8Array.of(number, 0, 0, 0).buffer))],
  ...changes
})

/** A step of `accumulate`. */
const accumulate = (id: bigint | string, value: number, start = false, end = false, rows = 1): Request => ({
  model: "accumulate",
  inputs: [Tensors.from("INPUT", [rows, 1], new Int32Array(rows).fill(value))],
  sequence: { id, start, end }
})

const outputOf = ({ outputs }: Answer, name: string, datatype: "INT32" | "UINT64"): ReadonlyArray<number | bigint> => [
  ...Tensors.values(outputs.find((output) => output.name === name)!, datatype)
]

/** Waits until so many requests wait for `queued`. */
const waiting = ({ waiting }: DoorServer, count: number) => eventually(waiting, (seen) => seen === count)

export const doorSuite = (kind: DoorKind): void =>
  layer(open(kind), { excludeTestServices: true })(kind.name, (it) => {
    const takes = ({ except, request }: { readonly except?: ReadonlyArray<string>; readonly request: Request }) =>
      except?.includes(kind.like ?? kind.name) !== true &&
      !request.inputs.some(({ datatype }) => kind.without?.includes(datatype) === true)

    for (const one of answered.filter(takes)) {
      it.effect(one.name, () =>
        Effect.gen(function*() {
          const answer = yield* (yield* Opened).door.infer(one.request)
          assert.strictEqual(answer.modelName, one.request.model)
          assert.strictEqual(answer.id, one.id ?? "")
          if (one.version !== undefined) assert.strictEqual(answer.modelVersion, one.version)
          assert.deepStrictEqual(
            answer.outputs.map(({ data, shape, ...output }) => ({ ...output, shape: [...shape], data: [...data] })),
            one.outputs.map(({ data, shape, ...output }) => ({ ...output, shape: [...shape], data: [...data] }))
          )
        }))
    }

    for (const one of refused.filter(takes)) {
      it.effect(`refuses ${one.name}`, () =>
        Effect.gen(function*() {
          const { message, status } = yield* Effect.flip((yield* Opened).door.infer(one.request))
          assert.deepStrictEqual({ status, message }, { status: one.status, message: one.message })
        }))
    }

    it.effect("hands over parameters of every kind, exactly", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        const parameters = new Map<string, Parameter>([
          ["text", "12"],
          ["word", "NaN"],
          ["flag", true],
          ["small", -3],
          ["large", 9_007_199_254_740_993n],
          ["most", 9_223_372_036_854_775_807n]
        ])
        yield* door.infer(simple({ parameters }))
        const asked = server.asked()!
        assert.deepStrictEqual(new Map([...asked.parameters].toSorted()), new Map([...parameters].toSorted()))
        assert.isUndefined(asked.sequence)
      }))

    it.effect("hands over steps of sequences, exactly", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        const ids = [
          5n,
          "5",
          2n ** 63n - 1n,
          2n ** 63n,
          2n ** 64n - 1n,
          9_007_199_254_740_993n,
          "x".repeat(128),
          "ü \"a\""
        ]
        for (const [i, id] of ids.entries()) {
          const sequence = { id, start: i % 2 === 0, end: i % 3 === 0 }
          yield* door.infer(simple({ sequence }))
          assert.deepStrictEqual(server.asked()!.sequence, sequence)
        }
      }))

    it.effect("takes steps without an id as requests of no sequence", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        for (const id of [0n, ""]) {
          yield* door.infer(simple({ sequence: { id, start: true, end: false } }))
          // A program that has the server inside is not read: what it says is what arrives.
          if (kind.name !== "in process") assert.isUndefined(server.asked()!.sequence)
        }
      }))

    it.effect("refuses ids that no sequence has", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const refused = (id: bigint | string) =>
          Effect.map(
            Effect.flip(door.infer(simple({ sequence: { id, start: true, end: false } }))),
            ({ message, status }) => [status, message]
          )
        for (const id of ["x".repeat(129), "ü".repeat(65)]) {
          assert.deepStrictEqual(yield* refused(id), [
            501,
            "string correlation ID cannot be longer than 128 characters"
          ])
        }
        // 64 bits are all that gRPC can say.
        if (kind.name === "gRPC") return
        for (const id of [-1n, 2n ** 64n]) {
          assert.deepStrictEqual(
            yield* refused(id),
            kind.name.startsWith("HTTP")
              ? [
                500,
                "Unable to parse 'sequence_id': attempt to access JSON non-string as string; an id is text or a whole " +
                "number from 1 to 2^64 - 1"
              ]
              : [400, `the correlation ID must be a whole number from 0 to 2^64 - 1, got ${id}`]
          )
        }
      }))

    it.effect("adds up sequences that come in turns, each its own", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        for (let i = 0; i < 4; i++) {
          for (const id of [1n, 2n, 2n ** 64n - 1n]) {
            const answer = yield* door.infer(accumulate(id, Number(id % 100n) + i, i === 0, i === 3))
            const sums = Array.from({ length: i + 1 }, (_, k) => Number(id % 100n) + k).reduce((a, b) => a + b)
            assert.deepStrictEqual(outputOf(answer, "OUTPUT", "INT32"), [sums])
            assert.deepStrictEqual(outputOf(answer, "SEEN_CORRID", "UINT64"), [id])
          }
        }
      }))

    it.effect("refuses steps that no sequence has, and goes on with those that one has", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const refused = (request: Request) =>
          Effect.map(Effect.flip(door.infer(request)), ({ message, status }) => [status, message])
        const noStart =
          "inference request for sequence 7 to model 'accumulate' must specify the START flag on the first request of the sequence"
        const noId = "inference request to model 'accumulate' must specify a non-zero or non-empty correlation ID"
        assert.deepStrictEqual(yield* refused(accumulate(7n, 1)), [400, noStart])
        assert.deepStrictEqual(yield* refused(accumulate(7n, 1, false, true)), [400, noStart])
        assert.deepStrictEqual(yield* refused(accumulate(0n, 1, true)), [400, noId])
        assert.deepStrictEqual(yield* refused(accumulate("", 1, true)), [400, noId])
        const { sequence: _, ...alone } = accumulate(7n, 1)
        assert.deepStrictEqual(yield* refused(alone), [400, noId])
        assert.deepStrictEqual(yield* refused(accumulate(7n, 1, true, false, 2)), [
          400,
          "inference request to model 'accumulate' must specify batch-size 1 due to requirements of sequence batcher"
        ])
        assert.deepStrictEqual(yield* refused(accumulate("7", 1, true)), [
          400,
          "[request id: <id_unknown>] sequence batching control 'CORRID' data-type is 'BYTES', but model 'accumulate' expects 'UINT64'"
        ])
        const sums: Array<ReadonlyArray<unknown>> = []
        for (const [value, start, end] of [[1, true], [2], [5, true], [6, false, true]] as const) {
          sums.push(outputOf(yield* door.infer(accumulate(7n, value, start, end)), "OUTPUT", "INT32"))
        }
        assert.deepStrictEqual(sums, [[1], [3], [5], [11]])
        assert.deepStrictEqual(yield* refused(accumulate(7n, 1)), [400, noStart])
      }))

    it.effect("gives the slot of a caller who has gone to the next one, and refuses what the backlog has no room for", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        for (const id of [11n, 12n, 13n]) yield* door.infer(accumulate(id, 1, true))
        const gone = yield* Effect.forkChild(door.infer(accumulate(14n, 1, true)), { startImmediately: true })
        yield* eventually(() => server.waitingOf("accumulate"), (seen) => seen === 1)
        const full = yield* Effect.flip(door.infer(accumulate(15n, 1, true)))
        assert.strictEqual(full.status, 503)
        assert.match(full.message, /^the backlog of model 'accumulate' is full: 1 requests/)
        yield* Fiber.interrupt(gone)
        yield* eventually(() => server.waitingOf("accumulate"), (seen) => seen === 0)
        const next = yield* Effect.forkChild(door.infer(accumulate(15n, 4, true, true)), { startImmediately: true })
        yield* eventually(() => server.waitingOf("accumulate"), (seen) => seen === 1)
        yield* door.infer(accumulate(12n, 1, false, true))
        assert.deepStrictEqual(outputOf(yield* Fiber.join(next), "OUTPUT", "INT32"), [4])
        for (const id of [11n, 13n]) yield* door.infer(accumulate(id, 1, false, true))
      }))

    it.effect("tells that a sequence is lost", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        server.failNext(new SequenceLost({ message: "sequence 5 is lost", model: "simple", sequence: "5" }))
        const { message, status } = yield* Effect.flip(
          door.infer(simple({ sequence: { id: 5n, start: false, end: false } }))
        )
        assert.deepStrictEqual({ message, status }, { message: "sequence 5 is lost", status: 409 })
      }))

    it.effect("runs what has the higher priority first", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        yield* server.hold
        const low = yield* Effect.forkChild(door.infer(queued(1, { priority: 2 })), { startImmediately: true })
        yield* waiting(server, 1)
        const high = yield* Effect.forkChild(door.infer(queued(2, { priority: 1 })), { startImmediately: true })
        yield* waiting(server, 2)
        yield* server.release
        yield* Fiber.joinAll([low, high])
        assert.deepStrictEqual(server.runs.splice(0), [2, 1])
      }))

    it.effect("refuses what waited longer than it may, and what no longer has anybody who waits", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        yield* server.hold
        const timeout = yield* Effect.flip(door.infer(queued(3, { timeoutMicros: 20_000 })))
        assert.strictEqual(timeout.status, 503)
        assert.match(timeout.message, /timeout/i)
        const deadline = yield* Effect.flip(door.infer(queued(4, { deadlineMicros: 20_000 })))
        assert.strictEqual(deadline.status, 504)
        assert.match(deadline.message, /deadline/i)
        // A client of gRPC has a clock of its own, and goes away when that says so.
        yield* waiting(server, 0)
        yield* server.release
        yield* door.infer(queued(5))
        assert.deepStrictEqual(server.runs.splice(0), [5])
      }))

    it.effect("refuses what the queue has no room for, and takes the next one", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        yield* server.hold
        const held = yield* Effect.forEach(
          [6, 7],
          (number) => Effect.forkChild(door.infer(queued(number)), { startImmediately: true })
        )
        yield* waiting(server, 2)
        const full = yield* Effect.flip(door.infer(queued(8)))
        assert.strictEqual(full.status, 503)
        assert.match(full.message, /queue/i)
        yield* server.release
        yield* Fiber.joinAll(held)
        yield* door.infer(queued(9))
        assert.deepStrictEqual(server.runs.splice(0).toSorted(), [6, 7, 9])
      }))

    it.effect("withdraws the request of a caller that goes away", () =>
      Effect.gen(function*() {
        const { door, server } = yield* Opened
        yield* server.hold
        const gone = yield* Effect.forkChild(door.infer(queued(10)), { startImmediately: true })
        yield* waiting(server, 1)
        yield* Fiber.interrupt(gone)
        yield* waiting(server, 0)
        yield* server.release
        yield* door.infer(queued(11))
        assert.deepStrictEqual(server.runs.splice(0), [11])
      }))

    it.effect("answers what it is, and whether it is well", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        assert.isTrue(yield* door.live)
        assert.isTrue(yield* door.ready)
        assert.isTrue(yield* door.modelReady("simple", ""))
        assert.isTrue(yield* door.modelReady("simple", "1"))
        // What is not there is not ready: gRPC says no more than that.
        const absent = yield* Effect.result(door.modelReady("simple", "2"))
        if (Result.isSuccess(absent)) assert.deepStrictEqual([kind.name, absent.success], ["gRPC", false])
        else assert.strictEqual(absent.failure.status, 404)
        const { extensions, name, version } = yield* door.serverMetadata
        assert.strictEqual(name, "doors")
        assert.notStrictEqual(version, "")
        assert.includeMembers([...extensions], ["classification", "binary_tensor_data", "statistics"])
      }))

    it.effect("describes models", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const tensor = (name: string) => ({ name, datatype: "INT32", shape: [-1, 16] })
        const described = {
          name: "simple",
          platform: "onnxruntime_onnx",
          inputs: [tensor("INPUT0"), tensor("INPUT1")],
          outputs: [tensor("OUTPUT0"), tensor("OUTPUT1")]
        }
        assert.deepStrictEqual(yield* door.modelMetadata("simple", ""), { ...described, versions: ["1", "3"] })
        assert.deepStrictEqual(yield* door.modelMetadata("simple", "3"), { ...described, versions: ["3"] })
        const { message, status } = yield* Effect.flip(door.modelMetadata("nope", ""))
        assert.deepStrictEqual({ status, message }, {
          status: 404,
          message: "Request for unknown model: 'nope' is not found"
        })
        const config = JSON.parse(yield* door.modelConfig("queued", ""))
        assert.strictEqual(config.name, "queued")
        assert.strictEqual(config.max_batch_size, 1)
        assert.strictEqual(config.dynamic_batching.default_queue_policy.max_queue_size, 2)
        assert.strictEqual((yield* Effect.flip(door.modelConfig("nope", ""))).status, 404)
      }))

    it.effect("counts", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const counted = Effect.map(door.statistics("wide", "1"), ([row]) => row!)
        const before = yield* counted
        yield* door.infer({ model: "wide", inputs: [Tensors.from("INPUT0", [3, 1], new Float32Array(3))] })
        const after = yield* counted
        assert.deepStrictEqual(after, {
          name: "wide",
          version: "1",
          inferenceCount: before.inferenceCount + 3,
          executionCount: before.executionCount + 1,
          successes: before.successes + 1,
          cache: [0, 0]
        })
        const all = yield* door.statistics("", "")
        assert.includeMembers(all.map(({ name, version }) => `${name} ${version}`), ["simple 1", "simple 3", "wide 1"])
      }))

    it.effect("answers from the response cache as the model does, and leaves what is in it as it is", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const values = [1.5, -2, 3.25]
        for (let i = 0; i < 4; i++) {
          const { outputs } = yield* door.infer({
            model: "cached",
            inputs: [Tensors.from("INPUT0", [1, 3], Float32Array.from(values))]
          })
          assert.deepStrictEqual([...Tensors.values(outputs[0]!, "FP32")], values)
        }
        const [{ cache, executionCount, successes } = {}] = yield* door.statistics("cached", "1")
        assert.deepStrictEqual({ cache, executionCount, successes }, { cache: [3, 1], executionCount: 1, successes: 4 })
      }))

    it.effect("lists the repository, and refuses to change it", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        for (const readyOnly of [true, false]) {
          const rows = (yield* door.index(readyOnly)).filter(({ name }) => name === "simple")
          assert.deepStrictEqual(rows.map(({ name, state, version }) => ({ name, state, version })), [
            { name: "simple", state: "READY", version: "1" },
            { name: "simple", state: "READY", version: "3" }
          ])
        }
        const refused = {
          status: 503,
          message: "explicit model load / unload is not allowed if polling is enabled"
        }
        for (const change of [door.load("simple"), door.unload("simple")]) {
          const { message, status } = yield* Effect.flip(change)
          assert.deepStrictEqual({ status, message }, refused)
        }
      }))
  })
