import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { type Call, isLinearizable } from "./Linearizable.ts"
import { onnx, openRoots } from "./Repository.ts"

const names = ["a", "b", "c"]
const tree = Object.fromEntries(names.flatMap((name) => [
  [`${name}/config.pbtxt`, "version_policy { all { } }"],
  [`${name}/1/model.onnx`, onnx],
  [`${name}/2/model.onnx`, onnx]
]))

interface Step {
  readonly model: string
  readonly what: "load" | "unload"
  readonly version: 1 | 2 | undefined
  /** Virtual milliseconds until it is called. */
  readonly at: number
  /** Virtual milliseconds after that until the caller goes away; `undefined`: it stays. */
  readonly patience: number | undefined
}

interface Schedule {
  readonly steps: ReadonlyArray<Step>
  /** How long openings take, one after the other, in virtual milliseconds; below 0: they fail. */
  readonly openings: ReadonlyArray<number>
}

const schedules: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(
    fc.record({
      model: fc.constantFrom(...names),
      what: fc.constantFrom("load" as const, "load" as const, "unload" as const),
      version: fc.constantFrom(1 as const, 2 as const, undefined, undefined),
      at: fc.nat(12),
      patience: fc.option(fc.nat(6), { nil: undefined, freq: 6 })
    }),
    { minLength: 50, maxLength: 50 }
  ),
  openings: fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 1, maxLength: 20 })
})

const textOf = (versions: Iterable<number>): string => [...versions].toSorted().join()
const versionsOf = (state: string): ReadonlyArray<number> => state === "" ? [] : state.split(",").map(Number)

/** What a step makes of the ready versions, where it succeeds. */
const effectOf = ({ version, what }: Step) => (state: string): string => {
  if (version === undefined) return what === "load" ? "1,2" : ""
  const others = versionsOf(state).filter((other) => other !== version)
  return textOf(what === "load" ? [...others, version] : others)
}

/** Lets what waits for the disk go on. */
const breathe = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))

const play = Effect.fnUntraced(function*(root: string, { openings, steps }: Schedule) {
  const scope = yield* Scope.make()
  let opening = 0
  const opened = yield* Scope.provide(
    openRoots([root], {
      controlMode: "explicit",
      opening: () => Effect.sleep(Math.max(0, openings[opening++ % openings.length]!)),
      fails: () => openings[opening % openings.length]! < 0
    }),
    scope
  )
  const { repository } = opened
  let now = 0
  const calls = new Map<string, Array<Call<string>>>(names.map((name) => [name, []]))

  const client = Effect.fnUntraced(function*(step: Step) {
    yield* Effect.sleep(step.at)
    const options = step.version === undefined ? {} : { version: step.version }
    const begin = now++
    const { model } = step
    const call = Effect.result(
      step.what === "load" ? repository.load(model, options) : repository.unload(model, options)
    )
    const outcome = yield* step.patience === undefined
      ? Effect.map(call, (result) => result as Result.Result<void, unknown> | undefined)
      : Effect.timeoutOrElse(call, { duration: step.patience, orElse: () => Effect.succeed(undefined) })
    const apply = effectOf(step)
    calls.get(model)!.push({
      begin,
      end: now++,
      // Whoever went away does not know.
      after: (state) =>
        outcome === undefined ? [apply(state), state] : Result.isSuccess(outcome) ? [apply(state)] : [state]
    })
  })

  const look = () => {
    for (const name of names) {
      const seen = textOf(repository.readyVersions(name))
      const at = now++
      calls.get(name)!.push({ begin: at, end: at, after: (state) => state === seen ? [state] : [] })
    }
  }

  const fibers = yield* Effect.forEach(steps, (step) => Effect.forkChild(client(step), { startImmediately: true }))
  for (let i = 0; fibers.some((fiber) => fiber.pollUnsafe() === undefined); i++) {
    yield* breathe
    if (i % 40 === 0) look()
    yield* TestClock.adjust(i % 4 === 0 ? 1 : 0)
  }
  yield* Effect.forEach(fibers, Fiber.join, { discard: true })

  for (const name of names) {
    const state = textOf(repository.readyVersions(name))
    const own = calls.get(name)!
    assert.isTrue(isLinearizable(own, "", state), `${name} cannot come to ${state} so`)
    const rows = yield* opened.rows(name)
    assert.deepStrictEqual(
      rows.filter((row) => row.endsWith("READY")),
      versionsOf(state).map((version) => `${version} READY`)
    )
    assert.isFalse(rows.some((row) => /LOADING/.test(row)), rows.join())
    for (const version of [1, 2]) {
      const count = (event: string) => opened.log().filter((one) => one === `${event} ${name} ${version}`).length
      const open = versionsOf(state).includes(version) ? 1 : 0
      assert.strictEqual(count("open") - count("close"), open, `open instances of ${name} ${version}`)
    }
  }
  yield* Scope.close(scope, Exit.void)
  const events = opened.log()
  const closed = events.filter((event) => event.startsWith("close ")).map((event) => event.slice(6)).toSorted()
  const open = events.filter((event) => event.startsWith("open ")).map((event) => event.slice(5)).toSorted()
  assert.deepStrictEqual(closed, open, "what was opened is closed, once")
})

describe("loads and unloads of 50 clients at once", () => {
  it.effect("come to what they would have come to one after the other, and lose nothing", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make(tree)
      const context = yield* Effect.context<Scope.Scope>()
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(schedules, (schedule) => Effect.runPromiseWith(context)(play(root, schedule))),
          // How the disk answers is no part of a schedule: a smaller one might pass.
          { numRuns: 25, endOnFailure: true }
        )
      )
    }), 60_000)

  const call = (begin: number, end: number, after: Call<string>["after"]): Call<string> => ({ begin, end, after })
  const to = (next: string) => () => [next]
  const sees = (seen: string) => (state: string) => state === seen ? [state] : []

  it("are checked by a search that finds what cannot be", () => {
    const overlapping = [call(0, 3, to("1")), call(1, 2, to(""))]
    assert.isTrue(isLinearizable(overlapping, "", "1"))
    assert.isTrue(isLinearizable(overlapping, "", ""))
    assert.isFalse(isLinearizable(overlapping, "", "2"))
    const after = [call(0, 1, to("1")), call(2, 3, to(""))]
    assert.isTrue(isLinearizable(after, "", ""))
    assert.isFalse(isLinearizable(after, "", "1"))
    assert.isFalse(isLinearizable([...after, call(4, 4, sees("1"))], "", ""))
    assert.isTrue(isLinearizable([...after, call(2, 2, sees("1"))], "", ""))
  })
})
