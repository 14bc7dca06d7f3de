/** What the table of scenarios cannot say: many requests in one turn of the event loop, and real time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as PreciseClock from "../../../src/layers/scheduling/PreciseClock.ts"
import { settle } from "../../execution/FakeInstances.ts"
import { connect } from "../http/Wire.ts"
import { drained, tensorsOf, until } from "./Driver.ts"
import { http } from "./HttpClient.ts"
import type { ModelledModel } from "./Scenario.ts"
import * as Server from "./Server.ts"

const model = (
  max_batch_size: number,
  default_queue_policy: NonNullable<NonNullable<ModelledModel["config"]["dynamic_batching"]>["default_queue_policy"]>,
  millis: number
): ModelledModel => ({
  exec: () => millis,
  config: {
    max_batch_size,
    input: [{ name: "INPUT0", data_type: "TYPE_FP32", dims: [1] }],
    output: [{ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [1] }],
    dynamic_batching: { default_queue_policy }
  }
})

const ask = (server: Server.Server) => {
  const request = { at: 0, rows: 1 }
  return http.ask(server, request, tensorsOf(server, request, 1), new AbortController().signal)
}

/** Inference requests one behind the other, for one write to a socket. */
const burst = (count: number): string => Array.from({ length: count }, (_, number) => wire(number)).join("")

const statuses = (text: string): ReadonlyArray<string> => text.match(/HTTP\/1\.1 \d+/g) ?? []

const wire = (number: number): string => {
  const body = JSON.stringify({
    inputs: [{ name: "INPUT0", shape: [1, 1], datatype: "FP32", data: [number] }]
  })
  return `POST /v2/models/${Server.modelName}/infer HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

describe("max_queue_size", () => {
  it.effect("is exact for requests that arrive in one turn of the event loop", () =>
    Effect.gen(function*() {
      const server = yield* Server.start(model(4, { max_queue_size: 8 }, 1000))
      yield* drained(server)
      const first = ask(server)
      yield* until("the first request", () => server.depth().running === 1)
      const client = yield* connect(server.port)
      client.send(burst(50))
      yield* until("the burst", () => server.traffic.submitted === 51)
      assert.deepStrictEqual(server.depth(), { waiting: 8, running: 1 })
      assert.strictEqual(server.counts().refusals.queue_full, 42)
      yield* TestClock.adjust("3 seconds")
      yield* settle
      yield* Effect.promise(() => first)
      yield* until("the answers", () => statuses(client.text).length === 50)
      const answers = statuses(client.text)
      assert.deepStrictEqual(answers.slice(0, 8), Array.from({ length: 8 }, () => "HTTP/1.1 200"))
      assert.deepStrictEqual(new Set(answers.slice(8)), new Set(["HTTP/1.1 503"]))
      assert.strictEqual(client.text.match(/Exceeds maximum queue size/g)?.length, 42)
      const counts = server.counts()
      assert.deepStrictEqual(counts.batches.map(({ batchSize, count }) => [batchSize, count]), [[1, 1], [4, 2]])
      assert.deepStrictEqual([counts.success.count, counts.fail.count], [9, 0])
    }))

  it.effect("counts nothing that an idle instance can take, also within that turn", () =>
    Effect.gen(function*() {
      const server = yield* Server.start(model(8, { max_queue_size: 2 }, 1000))
      yield* drained(server)
      const client = yield* connect(server.port)
      client.send(burst(6))
      yield* until("the burst", () => server.traffic.submitted === 6)
      assert.deepStrictEqual(server.depth(), { waiting: 2, running: 1 })
      assert.strictEqual(server.counts().refusals.queue_full, 2)
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* until("the answers", () => statuses(client.text).length === 6)
      assert.deepStrictEqual(statuses(client.text).map((status) => status.slice(-3)), [
        ...Array.from({ length: 4 }, () => "200"),
        "503",
        "503"
      ])
      assert.deepStrictEqual(server.modelled.runs.map(({ rows }) => rows), [2, 2])
    }))
})

describe("The timeout of a queue", () => {
  /** Milliseconds. The best of the tries shows what the server adds; the others also show what else the machine does. */
  const tolerance = 5
  const timeout = 50

  it.live("is kept on a real clock while every instance is busy", () =>
    Effect.gen(function*() {
      const policy = { default_timeout_microseconds: BigInt(timeout * 1000) }
      const server = yield* Server.start(model(1, policy, 1000))
      let best = Infinity
      for (let rounds = 0; rounds < 10 && best >= timeout + tolerance; rounds++) {
        const running = ask(server)
        yield* until("the request that keeps the instance busy", () => server.depth().running === 1)
        for (let tries = 0; tries < 6; tries++) {
          assert.deepStrictEqual(yield* Effect.promise(() => ask(server)), {
            error: "Request timeout expired",
            status: 503
          })
          const wait = server.traffic.waits.at(-1)!
          assert.isAtLeast(wait, timeout)
          best = Math.min(best, wait)
        }
        yield* Effect.promise(() => running)
      }
      assert.isBelow(best, timeout + tolerance)
    }).pipe(Effect.provide(PreciseClock.layer)))
})
