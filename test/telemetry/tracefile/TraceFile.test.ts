import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { GrowingArray } from "../../../src/layers/telemetry/tracefile/ArrayFile.ts"
import * as Tensor from "../../../src/schema/Tensor.ts"
import type { TraceChange } from "../../../src/schema/TraceSetting.ts"
import { activities, answer, arrival, ids, read, run, start } from "./Traces.ts"

type Started = Effect.Success<ReturnType<typeof start>>

const set = ({ sampling }: Started, change: TraceChange, model?: string) =>
  Result.getOrThrow(sampling.settings.change(model, change))

describe("a trace", () => {
  it.effect("is an object for the request, and one for each thing that happened, in the order of time", () =>
    Effect.gen(function*() {
      const file = yield* start({})
      const trace = file.begin()
      trace.mark("HTTP_RECV_START", -20)
      trace.mark("HTTP_RECV_END", -10)
      const model = trace.model({ model: "m\"", version: 3, requestId: "r", sequenceId: undefined })
      model.queued(5)
      model.ran(run(100))
      model.ended()
      trace.mark("INFER_RESPONSE_COMPLETE", 160)
      trace.mark("HTTP_SEND_START", 200)
      trace.mark("HTTP_SEND_END", 300)
      trace.ended({ status: 200 })
      yield* file.end
      const time = (name: string, ns: number) => ({ id: 1, timestamps: [{ name, ns }] })
      assert.deepStrictEqual(read(file.path), [
        time("HTTP_RECV_START", -20),
        time("HTTP_RECV_END", -10),
        { id: 1, model_name: "m\"", model_version: 3, request_id: "r" },
        time("REQUEST_START", 0),
        time("REQUEST_END", 0),
        time("QUEUE_START", 5),
        time("COMPUTE_START", 100),
        time("COMPUTE_INPUT_END", 110),
        time("COMPUTE_OUTPUT_START", 130),
        time("COMPUTE_END", 135),
        time("INFER_RESPONSE_COMPLETE", 160),
        time("HTTP_SEND_START", 200),
        time("HTTP_SEND_END", 300)
      ] as never)
    }).pipe(Effect.scoped))

  it.effect("says nothing of compute where nothing was computed", () =>
    Effect.gen(function*() {
      const file = yield* start({})
      const trace = file.begin()
      const model = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      model.queued(0)
      model.ended({ code: "CANCELLED", type: "Cancelled", message: "the caller went away" })
      trace.ended({})
      const unknown = file.begin()
      unknown.mark("HTTP_RECV_START", 1)
      unknown.ended({ status: 404 })
      yield* file.end
      const entries = read(file.path)
      assert.deepStrictEqual(activities(entries, 1), ["-", "REQUEST_START", "QUEUE_START", "REQUEST_END"])
      assert.deepStrictEqual(entries[0], { id: 1, model_name: "m", model_version: 1 } as never)
      assert.deepStrictEqual(activities(entries, 2), ["HTTP_RECV_START"])
    }).pipe(Effect.scoped))

  it.effect("has an id for each step of an ensemble, which names the one above it", () =>
    Effect.gen(function*() {
      const file = yield* start({})
      const trace = file.begin()
      const named = (model: string) => ({ model, version: 1, requestId: "r", sequenceId: undefined })
      const whole = trace.model(named("whole"))
      const other = file.begin()
      const inner = whole.model(named("inner"))
      const step = inner.model(named("step"))
      step.ran(run(1))
      step.ended()
      inner.ended()
      whole.ended()
      answer(other)
      trace.ended({})
      yield* file.end
      const entries = read(file.path)
      assert.deepStrictEqual(
        entries.filter(({ model_name }) => model_name !== undefined).map((entry) => [
          entry.id,
          entry.model_name,
          entry.parent_id
        ]),
        [[2, "m", undefined], [1, "whole", undefined], [3, "inner", 1], [4, "step", 3]]
      )
      // Those of one trace stand together.
      assert.deepStrictEqual(ids(entries), [2, 1, 3, 4])
      assert.deepStrictEqual(activities(entries, 1), ["-", "REQUEST_START", "REQUEST_END"])
    }).pipe(Effect.scoped))

  it.effect("tells of the version that answered, not of one that handed the request on", () =>
    Effect.gen(function*() {
      const file = yield* start({ level: ["TIMESTAMPS", "TENSORS"] })
      const trace = file.begin()
      trace.mark("HTTP_RECV_START", -1)
      const first = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      first.tensors("TENSOR_QUEUE_INPUT", [Tensor.from("X", [1], Int32Array.of(1))])
      first.ended({ code: "UNAVAILABLE", type: "Stopping", message: "it stops" })
      const second = trace.model({ model: "m", version: 2, requestId: "", sequenceId: undefined })
      second.ended()
      trace.ended({})
      yield* file.end
      const entries = read(file.path)
      assert.deepStrictEqual(activities(entries, 1), ["HTTP_RECV_START", "-", "REQUEST_START", "REQUEST_END"])
      assert.strictEqual(entries[1]?.model_name, "m")
      assert.strictEqual((entries[1] as { model_version?: number }).model_version, 2)
    }).pipe(Effect.scoped))

  it.effect("shows tensors where they are wanted, and only them if nothing else is", () =>
    Effect.gen(function*() {
      const file = yield* start({ level: ["TENSORS"] })
      const trace = file.begin()
      const model = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      assert.isTrue(model.wantsTensors)
      model.queued(0)
      model.tensors("TENSOR_QUEUE_INPUT", [
        Tensor.from("INPUT0", [1, 3], Int32Array.of(1, 2, 3)),
        Tensor.fromStrings("BAD", [1], [Uint8Array.of(0xff)])
      ])
      model.tensors("TENSOR_BACKEND_OUTPUT", [Tensor.fromStrings("OUT", [2], ["a", "\"b\""])])
      model.ended()
      trace.ended({})
      yield* file.end
      assert.deepStrictEqual(read(file.path), [
        { id: 1, model_name: "m", model_version: 1 },
        {
          id: 1,
          activity: "TENSOR_QUEUE_INPUT",
          tensor: { name: "INPUT0", data: "1,2,3", shape: "1,3", dtype: "INT32" }
        },
        {
          id: 1,
          activity: "TENSOR_BACKEND_OUTPUT",
          tensor: { name: "OUT", data: "\"a\",\"\\\"b\\\"\"", shape: "2", dtype: "BYTES" }
        }
      ] as never)
      assert.deepStrictEqual(file.log, [])
    }).pipe(Effect.scoped))

  it.effect("is written when everybody is done with it, whoever that is in the end", () =>
    Effect.gen(function*() {
      const file = yield* start({ logFrequency: 1 })
      const trace = file.begin()
      const model = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      trace.ended({})
      trace.mark("HTTP_SEND_END", 1)
      trace.ended({})
      model.ran(run(1))
      model.ended()
      model.ended()
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json.0"])
      assert.strictEqual(activities(read(`${file.path}.0`), 1).length, 7)
    }).pipe(Effect.scoped))
})

describe("the files", () => {
  it.effect("hold all traces in one, which is there when the setting is replaced (145)", () =>
    Effect.gen(function*() {
      const file = yield* start({ level: ["OFF"] })
      file.send(3)
      set(file, { level: ["TIMESTAMPS"] })
      file.send(20)
      set(file, { level: ["OFF"] })
      file.send(3)
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json"])
      assert.deepStrictEqual(ids(read(file.path)), Array.from({ length: 20 }, (_, i) => i + 1))
    }).pipe(Effect.scoped))

  it.effect("have an index and so many traces each by the log frequency (146)", () =>
    Effect.gen(function*() {
      const file = yield* start({ rate: 6, logFrequency: 2 })
      file.send(20)
      set(file, { level: ["OFF"] })
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json.0", "trace.json.1"])
      assert.deepStrictEqual([0, 1].map((i) => ids(read(`${file.path}.${i}`))), [[1, 2], [3]])
    }).pipe(Effect.scoped))

  it.effect("have an index when a count has been traced, at any rate (147)", () =>
    Effect.gen(function*() {
      const file = yield* start({ rate: 2, count: 5 })
      file.send(20)
      assert.strictEqual(file.sampling.settings.of("m").count, 0)
      assert.strictEqual(file.sampling.begin(arrival), undefined)
      set(file, { count: 1 })
      file.send(20)
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json.0", "trace.json.1"])
      assert.deepStrictEqual([0, 1].map((i) => ids(read(`${file.path}.${i}`))), [[1, 2, 3, 4, 5], [6]])
    }).pipe(Effect.scoped))

  it.effect("wait for the traces of a count that are still on their way", () =>
    Effect.gen(function*() {
      const file = yield* start({ count: 2 })
      const [first, second] = [file.begin(), file.begin()]
      answer(second)
      yield* Effect.yieldNow
      answer(first)
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json.0"])
      assert.deepStrictEqual(ids(read(`${file.path}.0`)), [2, 1])
    }).pipe(Effect.scoped))

  it.effect("take what is left of a count when its setting is replaced, together with all others", () =>
    Effect.gen(function*() {
      const file = yield* start({ count: 5 })
      file.send(2)
      set(file, { count: -1 })
      file.send(1)
      set(file, { rate: 1, count: 9 }, "own")
      file.send(1, "own")
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json"])
      assert.deepStrictEqual(ids(read(file.path)), [1, 2, 3, 4])
    }).pipe(Effect.scoped))

  it.effect("take traces that end after their setting was replaced", () =>
    Effect.gen(function*() {
      const file = yield* start({ logFrequency: 10 })
      const late = file.begin()
      set(file, { level: ["OFF"] })
      answer(late)
      yield* file.end
      assert.deepStrictEqual(file.files(), ["trace.json.0"])
    }).pipe(Effect.scoped))
})

describe("what cannot be written", () => {
  it.effect("is lost with one warning, and what comes after the folder is there again is not", () =>
    Effect.gen(function*() {
      const file = yield* start({})
      const flush = () => set(file, { rate: 1 })
      const moved = `${file.directory}-moved`
      file.send(1)
      flush()
      yield* file.settled
      renameSync(file.directory, moved)
      for (let i = 0; i < 3; i++) {
        file.send(1)
        flush()
        yield* file.settled
      }
      assert.strictEqual(file.log.length, 1)
      assert.match(
        file.log[0]!,
        /^Traces cannot be written to '.*trace\.json', and are lost until that changes: ENOENT/
      )
      mkdirSync(file.directory)
      file.send(1)
      yield* file.end
      assert.deepStrictEqual(ids(read(file.path)), [5])
      assert.match(file.log[1]!, /^Traces are written to '.*' again\.$/)
      rmSync(moved, { recursive: true })
    }).pipe(Effect.scoped))

  it.effect("is lost with one warning where the disk is full", () =>
    Effect.gen(function*() {
      const file = yield* start({}, { path: "/dev/full" })
      for (let i = 0; i < 3; i++) {
        file.send(1)
        set(file, { rate: 1 })
        yield* file.settled
      }
      yield* file.end
      assert.strictEqual(file.log.length, 1)
      assert.include(file.log[0]!, "Traces cannot be written to '/dev/full', and are lost until that changes: ENOSPC")
    }).pipe(Effect.scoped))

  it.effect("is lost with one warning where the path is a folder, or nobody may write there", () =>
    Effect.gen(function*() {
      const file = yield* start({ logFrequency: 1 })
      mkdirSync(`${file.path}.0`)
      file.send(4)
      yield* file.end
      assert.strictEqual(file.log.length, 1)
      assert.include(file.log[0]!, "EISDIR")
      assert.deepStrictEqual(file.files(), ["trace.json.0"])
    }).pipe(Effect.scoped))

  it.effect("is lost with one warning where a pipe is in the place of the file, whether somebody reads it or not", () =>
    Effect.gen(function*() {
      for (const isRead of [false, true]) {
        for (const setting of [{ logFrequency: 1 }, {}]) {
          const file = yield* start(setting)
          const path = setting.logFrequency === 1 ? `${file.path}.0` : file.path
          execFileSync("mkfifo", [path])
          const reader = isRead ? openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) : undefined
          file.send(3)
          yield* file.settled
          yield* file.end
          if (reader !== undefined) closeSync(reader)
          assert.strictEqual(file.log.length, 1, file.log.join())
          assert.match(file.log[0]!, /are lost until that changes: (it is a pipe, and has to be a file|ENXIO: .*)\. /)
          assert.isTrue(statSync(path).isFIFO(), "it is left where it was")
        }
      }
    }).pipe(Effect.scoped))

  it.effect("is told of once while a write hangs, and again when it goes on", () =>
    Effect.gen(function*() {
      const file = yield* start({}, { interval: 0, slow: "3 seconds" })
      const { promise, resolve } = Promise.withResolvers<void>()
      const write = vi.spyOn(GrowingArray.prototype, "add").mockReturnValueOnce(promise)
      yield* Effect.addFinalizer(() => Effect.sync(() => write.mockRestore()))
      file.send(1)
      const settled = yield* Effect.forkChild(file.settled, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(file.log, [])
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(file.log.length, 1)
      assert.match(file.log[0]!, /^Writing traces to '.*' hangs\. /)
      resolve()
      yield* Fiber.join(settled)
      assert.match(file.log[1]!, /^Traces are written to '.*' again\.$/)
      yield* file.end
      assert.strictEqual(file.log.length, 2)
    }).pipe(Effect.scoped))

  it.effect("takes no more memory than there is for it, and says so once", () =>
    Effect.gen(function*() {
      const file = yield* start({}, { maxPending: 3000 })
      const blocker = file.begin()
      file.send(50)
      yield* file.end
      assert.strictEqual(file.log.length, 1)
      assert.match(
        file.log[0]!,
        /^4\d traces and 0 tensors of others were left out of '.*trace\.json': there was no room/
      )
      const kept = ids(read(file.path)).length
      assert.isTrue(kept >= 3 && kept < 10, String(kept))
      blocker.ended({})
    }).pipe(Effect.scoped))

  it.effect("does not keep a count or a log frequency waiting for memory", () =>
    Effect.gen(function*() {
      const file = yield* start({ count: 100 }, { maxPending: 3000 })
      for (let i = 0; i < 100; i++) {
        file.send(1)
        yield* file.settled
      }
      yield* file.end
      assert.deepStrictEqual(file.log, [])
      assert.deepStrictEqual(file.files(), ["trace.json", "trace.json.0"])
      const all = [...ids(read(file.path)), ...ids(read(`${file.path}.0`))]
      assert.deepStrictEqual(all, Array.from({ length: 100 }, (_, i) => i + 1))
    }).pipe(Effect.scoped))

  it.effect("takes very many traces at a time", () =>
    Effect.gen(function*() {
      const file = yield* start({ level: ["TENSORS"], count: 1_000_000 }, { maxPending: 100_000_000 })
      file.send(200_000)
      yield* file.end
      assert.deepStrictEqual(file.log, [])
      assert.strictEqual(read(file.path).length, 200_000)
    }).pipe(Effect.scoped))

  it.effect("are tensors too large to wait with the others: the rest of the trace is written", () =>
    Effect.gen(function*() {
      const file = yield* start({ level: ["TIMESTAMPS", "TENSORS"] }, { maxPending: 3000 })
      const trace = file.begin()
      const model = trace.model({ model: "m", version: 1, requestId: "", sequenceId: undefined })
      model.tensors("TENSOR_QUEUE_INPUT", [
        Tensor.from("LARGE", [5000], new Int32Array(5000)),
        Tensor.from("SMALL", [1], new Int32Array(1))
      ])
      model.ended()
      trace.ended({})
      yield* file.end
      assert.deepStrictEqual(activities(read(file.path), 1), [
        "-",
        "REQUEST_START",
        "TENSOR_QUEUE_INPUT SMALL",
        "REQUEST_END"
      ])
      assert.include(file.log[0]!, "0 traces and 1 tensors of others were left out")
    }).pipe(Effect.scoped))

  it.effect("is begun anew where the file was taken away, shortened, or was there before", () =>
    Effect.gen(function*() {
      const file = yield* start({})
      writeFileSync(file.path, "what was there before, and is longer than what comes now".repeat(100))
      const flush = Effect.suspend(() => {
        file.send(1)
        set(file, { rate: 1 })
        return file.settled
      })
      yield* flush
      yield* flush
      assert.deepStrictEqual(ids(read(file.path)), [1, 2])
      renameSync(file.path, `${file.path}.old`)
      yield* flush
      assert.deepStrictEqual(ids(read(file.path)), [3])
      writeFileSync(file.path, "")
      yield* flush
      assert.deepStrictEqual(ids(read(file.path)), [4])
      assert.deepStrictEqual(ids(read(`${file.path}.old`)), [1, 2])
      chmodSync(file.path, 0o600)
      yield* flush
      assert.deepStrictEqual(ids(read(file.path)), [4, 5])
      assert.deepStrictEqual(file.log, [])
      assert.isTrue(file.path.startsWith(join(file.directory, "trace")))
    }).pipe(Effect.scoped))
})
