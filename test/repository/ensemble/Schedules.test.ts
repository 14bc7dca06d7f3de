import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { onnx, openRoots, serving } from "../control/Repository.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { chain, nested } from "./Configs.ts"
import { infer, Running } from "./Running.ts"

/** What each ensemble consists of, and what it makes of a one. */
const ensembles: Readonly<Record<string, { readonly of: ReadonlyArray<string>; readonly answer: number }>> = {
  e: { of: ["x", "y"], answer: 4 },
  f: { of: ["y"], answer: 2 },
  outer: { of: ["e", "f", "x"], answer: 16 }
}
const plain = ["x", "y"]
const names = [...plain, ...Object.keys(ensembles)]

const inner = (name: string) => (from: string, to: string) => nested(name, from, to)
const tree: TemporaryRepository.Tree = {
  "x/1/model.onnx": onnx,
  "y/1/model.onnx": onnx,
  "e/config.pbtxt": chain("x", "y"),
  "e/1": null,
  "f/config.pbtxt": chain("y"),
  "f/1": null,
  "outer/config.pbtxt": chain(inner("e"), inner("f"), "x"),
  "outer/1": null
}

interface Step {
  readonly model: string
  readonly what: "load" | "unload" | "unload all" | "touch" | "infer"
  /** Virtual milliseconds until it is called. */
  readonly at: number
  /** Virtual milliseconds after that until the caller goes away; `undefined`: it stays. */
  readonly patience: number | undefined
}

interface Schedule {
  readonly steps: ReadonlyArray<Step>
  /** How long openings take, one after the other, in virtual milliseconds; below 0: they fail. */
  readonly openings: ReadonlyArray<number>
  /** How long runs take. */
  readonly runs: ReadonlyArray<number>
}

const loads: ReadonlyArray<Step["what"]> = ["load", "load", "load", "touch", "touch"]
const requests: ReadonlyArray<Step["what"]> = Array.from({ length: 8 }, () => "infer")

const schedules: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(
    fc.record({
      model: fc.constantFrom(...names, "outer"),
      what: fc.constantFrom<Step["what"]>(...loads, "unload", "unload all", ...requests),
      at: fc.nat(60),
      patience: fc.option(fc.nat(6), { nil: undefined, freq: 6 })
    }),
    { minLength: 80, maxLength: 80 }
  ),
  openings: fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 1, maxLength: 20 }),
  runs: fc.array(fc.nat(5), { minLength: 1, maxLength: 20 })
})

/** Lets what waits for the disk go on. */
const breathe = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))

const play = Effect.fnUntraced(function*(root: string, { openings, runs, steps }: Schedule) {
  const scope = yield* Scope.make()
  const running = new Running()
  let opening = 0
  let run = 0
  let failing = false
  const opened = yield* Scope.provide(
    openRoots([root], {
      controlMode: "explicit",
      opening: () => Effect.sleep(Math.max(0, openings[opening++ % openings.length]!)),
      fails: () => failing && openings[opening % openings.length]! < 0,
      running: (label, job) => Effect.andThen(Effect.sleep(runs[run++ % runs.length]!), running.run(label, job))
    }),
    scope
  )
  const { repository } = opened
  let answered = 0
  let touched = 0

  const perform = Effect.fnUntraced(function*({ model, what }: Step) {
    switch (what) {
      case "load":
        return yield* Effect.ignore(repository.load(model))
      case "unload":
        return yield* repository.unload(model)
      case "unload all":
        return yield* repository.unload(model, { unloadDependents: true })
      case "touch":
        yield* opened.write({ [`${plain[touched % 2]!}/labels.txt`]: String(touched++) })
        return yield* Effect.ignore(repository.load(plain[touched % 2]!))
      case "infer": {
        const found = opened.lookup(model, "")
        const ensemble = ensembles[model]
        if (ensemble === undefined || Result.isFailure(found)) return
        assert.strictEqual(yield* infer(found), ensemble.answer, `what ${model} accepted is answered`)
        answered++
      }
    }
  })

  const client = Effect.fnUntraced(function*(step: Step) {
    yield* Effect.sleep(step.at)
    yield* step.patience === undefined
      ? perform(step)
      : Effect.timeoutOrElse(perform(step), { duration: step.patience, orElse: () => Effect.void })
  })

  /** No ensemble is found without all that it consists of. */
  const look = () => {
    for (const [name, { of }] of Object.entries(ensembles)) {
      if (serving(opened, name) === undefined) continue
      for (const part of of) assert.isDefined(serving(opened, part), `${name} is served without ${part}`)
    }
  }

  const finish = Effect.fnUntraced(function*<E>(fibers: ReadonlyArray<Fiber.Fiber<void, E>>) {
    for (let i = 0; fibers.some((fiber) => fiber.pollUnsafe() === undefined); i++) {
      assert.isBelow(i, 100_000, "all comes to an end")
      yield* breathe
      look()
      yield* TestClock.adjust(i % 8 === 0 ? 1 : 0)
    }
    return yield* Effect.forEach(fibers, Fiber.join)
  })
  yield* finish([yield* Effect.forkChild(repository.load("outer"), { startImmediately: true })])
  failing = true
  yield* finish(yield* Effect.forEach(steps, (step) => Effect.forkChild(client(step), { startImmediately: true })))
  // What was left behind by callers that went away comes to its end too.
  for (let i = 0; i < 20; i++) {
    yield* breathe
    yield* TestClock.adjust(1)
  }
  for (const name of names) {
    const rows = (yield* opened.rows(name)).join()
    assert.notMatch(rows, /LOADING|UNLOADING/, name)
    const { of } = ensembles[name] ?? { of: [] }
    const isWhole = of.every((part) => serving(opened, part) !== undefined)
    if (/depends on/.test(rows)) assert.isFalse(isWhole, `${name}: ${rows}`)
  }

  failing = false
  yield* finish([yield* Effect.forkChild(repository.load("outer"), { startImmediately: true })])
  for (const name of names) assert.deepStrictEqual(yield* opened.rows(name), ["1 READY"], name)
  yield* finish([
    yield* Effect.forkChild(
      Effect.map(infer(opened.lookup("outer", "")), (answer) => assert.strictEqual(answer, 16)),
      { startImmediately: true }
    )
  ])
  yield* Scope.close(scope, Exit.void)
  const events = opened.log()
  const labels = (what: string) =>
    events.filter((event) => event.startsWith(`${what} `)).map((event) => event.slice(what.length + 1)).toSorted()
  assert.deepStrictEqual(labels("close"), labels("open"), "what was opened is closed, once")
  return answered
})

describe("loads, unloads and requests of ensembles and their models at once", () => {
  it.effect(
    "leave no ensemble without its models, answer all that was accepted, and come to an end",
    () =>
      Effect.gen(function*() {
        const root = yield* TemporaryRepository.make(tree)
        const context = yield* Effect.context<Scope.Scope>()
        let answered = 0
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(schedules, async (schedule) => {
              answered += await Effect.runPromiseWith(context)(play(root, schedule))
            }),
            // How the disk answers is no part of a schedule: a smaller one might pass.
            { numRuns: 25, endOnFailure: true }
          )
        )
        assert.isAbove(answered, 60, "there was something to answer")
      }),
    120_000
  )
})
