/** Plays a scenario in virtual time through a front end, and compares everything that can be seen. */
import { assert } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type * as DynamicBatcher from "../../../src/layers/scheduling/DynamicBatcher.ts"
import { settle } from "../../execution/FakeInstances.ts"
import { patience } from "../http/Wire.ts"
import { policies } from "./Policies.ts"
import type { Answer, Request, Scenario } from "./Scenario.ts"
import * as Server from "./Server.ts"

export interface Values {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
}

export type Received =
  | { readonly outputs: ReadonlyArray<Values> }
  | { readonly error: string; readonly status: number }

/** A way to the server. */
export interface FrontEnd {
  readonly name: string
  /** Sends a request and waits for its answer; rejects when `signal` ends it. */
  readonly ask: (
    server: Server.Server,
    request: Request,
    inputs: ReadonlyArray<Values>,
    signal: AbortSignal
  ) => Promise<Received>
}

/** Turns of the event loop until a condition holds, looking for half a minute of real time at most. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const giveUp = performance.now() + patience
    let turn: NodeJS.Immediate | undefined
    const look = () => {
      if (holds()) resume(Effect.void)
      else if (performance.now() > giveUp) resume(Effect.die(new Error(`never came: ${what}`)))
      else turn = setImmediate(look)
    }
    look()
    return Effect.sync(() => clearImmediate(turn))
  })

/** Lets time pass for the requests that a test leaves behind which fails: the end of the server would wait for them. */
export const drained = (server: Server.Server, first: Effect.Effect<unknown> = Effect.void) =>
  Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* first
      const { traffic } = server
      for (let turns = 0; turns < 100 && traffic.ended < traffic.submitted; turns++) yield* TestClock.adjust("1 minute")
    })
  )

/** Tensors whose values tell requests, rows and inputs apart. */
export const tensorsOf = (server: Server.Server, request: Request, number: number): ReadonlyArray<Values> => {
  const { input } = server.config
  const given = request.inputs === undefined ? input : input.filter(({ name }) => request.inputs!.includes(name))
  return given.map(({ dims, name }, of) => {
    const shape = [request.rows, ...request.shape ?? dims]
    const length = shape.reduce((product, dim) => product * dim, 1)
    return { name, shape, values: Array.from({ length }, (_, i) => number * 1000 + i + of / 4) }
  })
}

/** What the sequence of a request has come to with it, from its last START on. */
const sumOf = (scenario: Scenario, server: Server.Server, number: number): Values => {
  const { sequence } = scenario.requests[number]!
  const ragged = server.config.input[0]!.allow_ragged_batch
  let sum: Values | undefined
  for (let i = 0; i <= number; i++) {
    const request = scenario.requests[i]!
    const answer = scenario.answers[i]!
    if (request.sequence?.id !== sequence!.id || answer === "gone" || typeof answer !== "number") continue
    const [{ shape, values }] = tensorsOf(server, request, i) as [Values]
    const own = ragged ? [values.length] : values
    const before = request.sequence.start === true ? undefined : sum
    sum = {
      name: "OUTPUT0",
      shape: ragged ? [1, 1] : shape,
      values: own.map((value, at) => value + (before?.values[at] ?? 0))
    }
  }
  return sum!
}

const expectedOutputs = (scenario: Scenario, server: Server.Server, number: number): ReadonlyArray<Values> => {
  const request = scenario.requests[number]!
  const { compute = { OUTPUT0: (x: number) => x } } = scenario.model
  const given = tensorsOf(server, request, number)
  if (compute === "sums") return [sumOf(scenario, server, number)]
  const asked = request.outputs ?? server.config.output.map(({ name }) => name)
  const names = asked.toSorted()
  const { shape, values } = given[0]!
  if (compute === "lengths") return names.map((name) => ({ name, shape: [1, 1], values: [values.length] }))
  const inputs = server.config.input.map(({ name }) => given.find((input) => input.name === name)?.values)
  return names.map((name) => ({
    name,
    shape,
    values: values.map((_, i) => compute[name]!(...inputs.map((of) => of?.[i] ?? 0)))
  }))
}

type Outcome = { readonly at: number; readonly received: Received } | "gone"

const batcherOf = ({ policy }: Scenario): DynamicBatcher.Options =>
  policy === undefined ? {} : { policy: policies[policy] }

/** When something is said to happen: these moments are looked at, and those one millisecond before. */
const moments = (scenario: Scenario): ReadonlyArray<number> => {
  const told = [
    ...scenario.requests.flatMap(({ at, goneAt }) => goneAt === undefined ? [at] : [at, goneAt]),
    ...scenario.answers.flatMap((answer) => answer === "gone" ? [] : [typeof answer === "number" ? answer : answer.at]),
    ...Object.keys(scenario.waiting ?? {}).map(Number)
  ]
  const all = new Set(told.flatMap((at) => at >= 1 ? [at - 1, at] : [at]))
  return [...all].toSorted((a, b) => a - b)
}

export const play = Effect.fnUntraced(function*(scenario: Scenario, frontEnd: FrontEnd) {
  /** Requests in the order of their submission. */
  const sent: Array<Request> = []
  const server = yield* Server.start(scenario.model, {
    held: scenario.hold !== undefined,
    batcher: batcherOf(scenario),
    deadline: (submission) => sent[submission]?.deadline
  })
  const clock = yield* Clock.Clock
  const outcomes: Array<Outcome | undefined> = scenario.requests.map(() => undefined)
  const aborts = scenario.requests.map(() => new AbortController())
  const answered = () => outcomes.filter((outcome) => outcome !== undefined).length
  const { traffic } = server
  let held = scenario.hold !== undefined
  yield* drained(
    server,
    Effect.suspend(() => {
      aborts.forEach((abort) => abort.abort())
      return held ? server.release : Effect.void
    })
  )

  /** Lets everything happen that this moment holds, up to the answers in the hands of their clients. */
  const rest = Effect.gen(function*() {
    yield* settle
    yield* until("the answers of requests that have ended", () => answered() >= traffic.ended)
  })

  const send = Effect.fnUntraced(function*(number: number) {
    const request = scenario.requests[number]!
    const before = traffic.submitted
    sent.push(request)
    frontEnd.ask(server, request, tensorsOf(server, request, number), aborts[number]!.signal).then(
      (received) => {
        outcomes[number] = { at: clock.currentTimeMillisUnsafe(), received }
      },
      (reason) => {
        outcomes[number] = aborts[number]!.signal.aborted ? "gone" : {
          at: clock.currentTimeMillisUnsafe(),
          received: { error: String(reason), status: 0 }
        }
      }
    )
    yield* until("a request at the scheduler", () => traffic.submitted > before)
    if (held && server.depth().waiting >= scenario.hold!) {
      held = false
      yield* server.release
    }
  })

  const leave = Effect.fnUntraced(function*(number: number) {
    const before = traffic.ended
    aborts[number]!.abort()
    yield* until("the end of a request whose client went away", () => traffic.ended > before)
  })

  const waiting: Record<number, number> = {}
  for (const moment of moments(scenario)) {
    yield* TestClock.adjust(Duration.millis(moment - clock.currentTimeMillisUnsafe()))
    yield* rest
    for (let number = 0; number < scenario.requests.length; number++) {
      if (scenario.requests[number]!.at === moment) yield* send(number)
    }
    for (let number = 0; number < scenario.requests.length; number++) {
      if (scenario.requests[number]!.goneAt === moment) yield* leave(number)
    }
    yield* rest
    waiting[moment] = server.depth().waiting
  }

  const answers = outcomes.map((outcome): Answer | "nothing yet" => {
    if (outcome === undefined || outcome === "gone") return outcome ?? "nothing yet"
    return "error" in outcome.received ? { at: outcome.at, ...outcome.received } : outcome.at
  })
  assert.deepStrictEqual(answers, [...scenario.answers])
  outcomes.forEach((outcome, number) => {
    if (outcome === undefined || outcome === "gone" || "error" in outcome.received) return
    assert.deepStrictEqual(outcome.received.outputs, expectedOutputs(scenario, server, number))
  })

  if (scenario.members !== undefined) {
    assert.deepStrictEqual(server.modelled.runs.map(({ members }) => members), [...scenario.members])
  }
  const counts = server.counts()
  assert.deepStrictEqual(
    Object.fromEntries(counts.batches.map(({ batchSize, count }) => [batchSize, count])),
    scenario.executions
  )
  assert.strictEqual(counts.executionCount, server.modelled.runs.length)
  assert.deepStrictEqual([counts.success.count, counts.inferenceCount], scenario.counts)
  assert.deepStrictEqual(counts.failures, { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0, ...scenario.failures })
  assert.strictEqual(counts.fail.count, Object.values(counts.failures).reduce((sum, count) => sum + count, 0))
  const invalid = scenario.answers.filter((answer) => typeof answer === "object" && answer.status === 400).length
  assert.deepStrictEqual(counts.refusals, {
    queue_full: scenario.refused ?? 0,
    deadline: 0,
    stopping: 0,
    suspended: 0,
    invalid
  })
  assert.deepStrictEqual([counts.pending, counts.executing], [0, 0])
  for (const phase of [counts.queue, counts.computeInput, counts.computeInfer, counts.computeOutput]) {
    assert.strictEqual(phase.count, counts.success.count)
  }
  for (const [moment, expected] of Object.entries(scenario.waiting ?? {})) {
    assert.strictEqual(waiting[Number(moment)], expected, `waiting after ${moment} ms`)
  }
  assert.strictEqual(server.modelled.unreleased, 0)
  return server
})
