/** Scenarios 145 to 151 of the reference, and the activities of each way through the server, on a running one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { readFileSync } from "node:fs"
import { activities, type Entry, ids, read } from "../../telemetry/tracefile/Traces.ts"
import { eventually, start } from "./Running.ts"

const file = ["triton,file=FILE"]

/** Ids of requests, without those of the steps that they asked for. */
const requests = (entries: ReadonlyArray<Entry>): number =>
  ids(entries.filter(({ model_name, parent_id }) => model_name !== undefined && parent_id === undefined)).length

const http = [
  "HTTP_RECV_START",
  "HTTP_RECV_END",
  "-",
  "REQUEST_START",
  "QUEUE_START",
  "COMPUTE_START",
  "COMPUTE_INPUT_END",
  "COMPUTE_OUTPUT_START",
  "COMPUTE_END",
  "REQUEST_END",
  "INFER_RESPONSE_COMPLETE",
  "HTTP_SEND_START",
  "HTTP_SEND_END"
]

describe("the trace file of a running server", () => {
  it.live("145 is written after tracing was turned on, at any request, with Triton's activities", () =>
    Effect.gen(function*() {
      const server = yield* start(...file)
      yield* server.send(2)
      yield* server.set({ trace_level: ["TIMESTAMPS"], trace_rate: "1" })
      yield* server.send(20)
      yield* server.set({ trace_level: ["OFF"] })
      yield* server.send(2)
      yield* server.end
      assert.deepStrictEqual(server.files(), ["trace.json"])
      const entries = read(server.path)
      assert.strictEqual(requests(entries), 20)
      for (const id of ids(entries)) {
        assert.sameMembers([...activities(entries, id)], http)
        const times = entries.flatMap((entry) => entry.id === id ? entry.timestamps ?? [] : []).map(({ ns }) => ns)
        assert.deepStrictEqual(times, times.toSorted((a, b) => a - b))
      }
      assert.deepStrictEqual(entries.filter(({ model_name }) => model_name !== undefined)[19], {
        id: 20,
        model_name: "simple",
        model_version: 1,
        request_id: "r19"
      } as never)
    }).pipe(Effect.scoped))

  it.live("is written soon after a request, and is a whole array then", () =>
    Effect.gen(function*() {
      const server = yield* start(...file, "level=TIMESTAMPS", "rate=1")
      const written = () => {
        const text = server.files().length === 0 ? "" : readFileSync(server.path, "utf8")
        return text.endsWith("]") ? requests(JSON.parse(text)) : 0
      }
      for (const count of [1, 2]) {
        yield* server.send(1)
        yield* eventually(written, (seen) => seen === count)
      }
    }).pipe(Effect.scoped))

  it.live("146 is several files by the log frequency", () =>
    Effect.gen(function*() {
      const server = yield* start(...file)
      yield* server.set({ trace_level: ["TIMESTAMPS"], trace_rate: "6", log_frequency: "2" })
      yield* server.send(20)
      yield* server.end
      assert.deepStrictEqual(server.files(), ["trace.json.0", "trace.json.1"])
      assert.deepStrictEqual([0, 1].map((i) => requests(read(`${server.path}.${i}`))), [2, 1])
    }).pipe(Effect.scoped))

  it.live("147 is written when a count of requests was traced", () =>
    Effect.gen(function*() {
      const server = yield* start(...file, "level=TIMESTAMPS", "rate=1", "count=5")
      yield* server.send(20)
      yield* eventually(server.files, (files) => files.includes("trace.json.0"))
      yield* eventually(() => readFileSync(`${server.path}.0`, "utf8"), (text) => text.endsWith("]"))
      assert.strictEqual(requests(read(`${server.path}.0`)), 5)
      assert.strictEqual((yield* server.set({})).trace_count, "0")
      yield* server.end
      assert.deepStrictEqual(server.files(), ["trace.json.0"])
    }).pipe(Effect.scoped))

  it.live("148 follows the settings of a model, of all, and of the start, in this order", () =>
    Effect.gen(function*() {
      const server = yield* start(...file, "level=TIMESTAMPS", "rate=100")
      const rates = Effect.map(
        Effect.all([server.set({}), server.set({}, "simple"), server.set({}, "other")]),
        (all) => all.map(({ trace_rate }) => trace_rate)
      )
      yield* server.set({ trace_rate: "2" }, "simple")
      assert.deepStrictEqual(yield* rates, ["100", "2", "100"])
      yield* server.send(4)
      yield* server.set({ trace_rate: "1", log_frequency: "3" })
      assert.deepStrictEqual(yield* rates, ["1", "2", "1"])
      assert.strictEqual((yield* server.set({}, "simple")).log_frequency, "3")
      yield* server.send(2, "other")
      yield* server.set({ trace_rate: null }, "simple")
      assert.deepStrictEqual(yield* rates, ["1", "1", "1"])
      yield* server.set({ trace_rate: null, log_frequency: null })
      assert.deepStrictEqual(yield* rates, ["100", "100", "100"])
      yield* server.end
      assert.deepStrictEqual(server.files(), ["trace.json", "trace.json.0"])
      assert.deepStrictEqual([requests(read(server.path)), requests(read(`${server.path}.0`))], [2, 2])
    }).pipe(Effect.scoped))

  it.live("fails no request when it cannot be written: no folder, a full disk", () =>
    Effect.gen(function*() {
      for (const path of ["/no/such/folder/trace.json", "/dev/full"]) {
        const server = yield* start(`triton,file=${path}`, "level=TIMESTAMPS", "rate=1")
        yield* server.send(5)
        // Each change writes what there is.
        assert.strictEqual((yield* server.set({ trace_rate: "2" })).trace_file, path)
        yield* server.send(5)
        yield* server.end
      }
    }).pipe(Effect.scoped))

  it.live("shows an ensemble with its steps, and their tensors where they are wanted", () =>
    Effect.gen(function*() {
      const server = yield* start(...file, "level=TIMESTAMPS", "level=TENSORS", "rate=1")
      yield* server.send(1, "whole")
      yield* server.end
      const entries = read(server.path)
      assert.deepStrictEqual(
        entries.filter(({ model_name }) => model_name !== undefined).map((entry) => [
          entry.id,
          entry.model_name,
          entry.parent_id
        ]),
        [[1, "whole", undefined], [2, "simple", 1], [3, "other", 1]]
      )
      const names = (id: number) => activities(entries, id).filter((name) => /^(QUEUE|COMPUTE|TENSOR)/.test(name))
      assert.deepStrictEqual(names(1), ["QUEUE_START", "TENSOR_QUEUE_INPUT IN"])
      assert.sameMembers([...names(2)], [
        "QUEUE_START",
        "COMPUTE_START",
        "COMPUTE_INPUT_END",
        "COMPUTE_OUTPUT_START",
        "COMPUTE_END",
        ...["QUEUE_INPUT", "BACKEND_INPUT"].flatMap((kind) =>
          ["INPUT0", "INPUT1"].map((name) => `TENSOR_${kind} ${name}`)
        ),
        "TENSOR_BACKEND_OUTPUT OUTPUT0"
      ])
      const output = entries.find(({ activity, id }) => activity === "TENSOR_BACKEND_OUTPUT" && id === 3)
      assert.deepStrictEqual(output?.tensor, {
        name: "OUTPUT0",
        data: Array.from({ length: 16 }, (_, i) => 4 * i).join(),
        shape: "1,16",
        dtype: "INT32"
      })
    }).pipe(Effect.scoped))
})

describe("the spans of a running server", () => {
  const on = ["mode=opentelemetry", "level=TIMESTAMPS"]
  const names = (server: Effect.Success<ReturnType<typeof start>>) => server.spans().map(({ name }) => name).toSorted()

  it.live("149 are those of the request, its queue and its batch, and of the steps of an ensemble", () =>
    Effect.gen(function*() {
      const server = yield* start(...on, "rate=1")
      yield* server.send(1)
      yield* eventually(() => names(server), (seen) => seen.length === 3)
      assert.deepStrictEqual(names(server), ["POST /v2/models/{model}/infer", "batch.execute", "queue"])
      yield* server.send(1, "whole")
      yield* eventually(() => names(server), (seen) => seen.length === 10)
      assert.deepStrictEqual(names(server).filter((name) => name === "step").length, 2)
    }).pipe(Effect.scoped))

  it.live("150 belong to the trace of the client", () =>
    Effect.gen(function*() {
      const server = yield* start(...on, "rate=1")
      const traceparent = "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01"
      yield* server.send(1, "simple", { traceparent })
      yield* eventually(() => names(server), (seen) => seen.length === 3)
      const request = server.spans().find(({ name }) => name.startsWith("POST"))!
      const parent = Option.getOrThrow(request.parent)
      assert.deepStrictEqual(
        [request.traceId, parent.spanId, parent.traceId],
        ["0af7651916cd43dd8448eb211c12666c", "b7ad6b7169242424", "0af7651916cd43dd8448eb211c12666c"]
      )
      yield* server.send(1, "simple", { traceparent: "00-0-0-01" })
      yield* eventually(() => names(server), (seen) => seen.length === 6)
      assert.isTrue(Option.isNone(server.spans().filter(({ name }) => name.startsWith("POST"))[1]!.parent))
    }).pipe(Effect.scoped))

  it.live("151 are those of every request that is part of a trace, whatever the rate", () =>
    Effect.gen(function*() {
      const server = yield* start(...on, "rate=5")
      const traced = () => server.spans().filter(({ name }) => name.startsWith("POST")).length
      yield* server.send(5)
      yield* eventually(traced, (seen) => seen === 1)
      yield* server.send(5, "simple", { traceparent: "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01" })
      yield* eventually(traced, (seen) => seen === 6)
      yield* server.set({ trace_level: ["OFF"] })
      yield* server.send(5, "simple", { traceparent: "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01" })
      yield* server.end
      assert.strictEqual(traced(), 6)
    }).pipe(Effect.scoped))
})
