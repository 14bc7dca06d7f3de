/** More requests than can be run, each with a deadline, on real sockets and in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { settle } from "../../execution/FakeInstances.ts"
import { ask } from "../http/Wire.ts"
import { drained, type FrontEnd, type Received, tensorsOf, until } from "./Driver.ts"
import { grpc } from "./GrpcClient.ts"
import { http } from "./HttpClient.ts"
import type { ModelledModel } from "./Scenario.ts"
import * as Server from "./Server.ts"

/** Milliseconds. */
const run = 10
const deadline = 150
const steps = 100
/** Requests that come while one runs. */
const overload = 3

const model: ModelledModel = {
  exec: () => run,
  config: {
    max_batch_size: 1,
    input: [{ name: "INPUT0", data_type: "TYPE_FP32", dims: [1] }],
    output: [{ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [1] }]
  }
}

const batched: ModelledModel = {
  ...model,
  config: { ...model.config, max_batch_size: 4, dynamic_batching: {} }
}

const send = (frontEnd: FrontEnd, server: Server.Server): Promise<Received> => {
  const request = { at: 0, rows: 1 }
  return frontEnd.ask(server, request, tensorsOf(server, request, 1), new AbortController().signal)
}

/** Lets the requests come that are given, while time goes on; gives their answers in the order in which they were sent. */
const drive = Effect.fnUntraced(function*(frontEnd: FrontEnd, server: Server.Server, perStep: number) {
  const answers: Array<Promise<Received>> = []
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < perStep; i++) {
      const before = server.traffic.submitted
      answers.push(send(frontEnd, server))
      yield* until("a request at the scheduler", () => server.traffic.submitted > before)
    }
    yield* TestClock.adjust(run)
    yield* settle
  }
  for (let turns = 0; turns < 100 && server.traffic.ended < server.traffic.submitted; turns++) {
    yield* TestClock.adjust(run)
    yield* settle
  }
  return yield* Effect.promise(() => Promise.all(answers))
})

const statusOf = (received: Received): number => "outputs" in received ? 200 : received.status

describe.each([["without a batcher", model, 1], ["with a batcher", batched, 4]] as const)(
  "overload %s",
  (_, modelled, atOnce) => {
    it.effect.each([http, grpc])(
      "answers in time or refuses over $name, and lets go of everything",
      (frontEnd) =>
        Effect.gen(function*() {
          const server = yield* Server.start(modelled, { deadline: () => deadline })
          yield* drained(server)
          const answers = yield* drive(frontEnd, server, overload * atOnce)
          const { waits } = server.traffic
          const served = answers.flatMap((received, i) => statusOf(received) === 200 ? [waits[i]!] : [])
          const refused = answers.flatMap((received, i) => statusOf(received) === 503 ? [waits[i]!] : [])
          const late = answers.flatMap((received, i) => statusOf(received) === 504 ? [waits[i]!] : [])
          assert.strictEqual(served.length + refused.length + late.length, answers.length)
          assert.isAtMost(Math.max(...served), deadline)
          assert.isAtMost(Math.max(0, ...late), deadline)
          assert.strictEqual(Math.max(...refused), 0, "refused at once")
          // Each step is a run, and each run is full: overload costs no answers.
          assert.isAtLeast(served.length, 0.9 * steps * atOnce)
          assert.isAtMost(late.length, 0.02 * answers.length)
          const counts = server.counts()
          assert.strictEqual(counts.refusals.deadline, refused.length)
          assert.strictEqual(counts.failures.REJECTED, late.length)
          for (const received of answers) {
            if (!("error" in received) || received.status !== 503) continue
            assert.match(received.error, /would pass while it waits: \d+ requests of model 'm' are served before it/)
          }

          const after = yield* drive(frontEnd, server, 1)
          assert.isTrue(after.every((received) => statusOf(received) === 200), "served again")
          assert.deepStrictEqual(server.depth(), { waiting: 0, running: 0 })
          assert.strictEqual(server.modelled.unreleased, 0)
          yield* until("the end of what is held", () => server.held().every((held) => held === 0))
        })
    )
  }
)

describe("overload", () => {
  it.effect("tells those that it refuses when to try again", () =>
    Effect.gen(function*() {
      const server = yield* Server.start(model, { deadline: (submission) => submission < 40 ? 1_000_000 : deadline })
      yield* drained(server)
      const before = Array.from({ length: 40 }, () => send(http, server))
      yield* until("a line of requests", () => server.traffic.submitted === 40)
      for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust(run), settle)
      const answer = yield* ask(server.port, `/v2/models/${Server.modelName}/infer`, {
        method: "POST",
        body: JSON.stringify({ inputs: [{ name: "INPUT0", shape: [1, 1], datatype: "FP32", data: [1] }] })
      })
      assert.deepStrictEqual([answer.status, answer.headers["retry-after"]], [503, "1"])
      assert.include(answer.text, "the deadline of the request, 150 ms after its arrival, would pass while it waits")
      for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust(run), settle)
      const answers = yield* Effect.promise(() => Promise.all(before))
      assert.isTrue(answers.every((received) => statusOf(received) === 200))
    }))
})
