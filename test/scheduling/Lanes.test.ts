import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Semaphore } from "effect"
import * as Lanes from "../../src/layers/scheduling/internal/Lanes.ts"
import type { Instances, LentInstance } from "../../src/services/Executor.ts"
import * as Fakes from "../execution/FakeInstances.ts"

interface Run {
  readonly job: number
  readonly end: () => void
  /** Cannot be withdrawn any more. */
  begun: boolean
}

/** An instance that takes three runs and of whose beginnings nobody is told. */
const instance = (name: string): { readonly runs: Array<Run>; readonly lent: LentInstance } => {
  const runs: Array<Run> = []
  return {
    runs,
    lent: {
      name,
      index: 0,
      accepts: () => runs.length < 3,
      quick: () => true,
      lost: Effect.never,
      start: (inputs, _outputs, done) => {
        const run: Run = {
          job: inputs[0]!.shape[0]!,
          begun: runs.length === 0,
          end: () => {
            runs.splice(runs.indexOf(run), 1)
            done(Exit.succeed({
              outputs: [],
              begunAtNanos: 0,
              computeInputNanos: 0,
              computeInferNanos: 0,
              computeOutputNanos: 0,
              release: () => {}
            }))
          }
        }
        runs.push(run)
        return {
          withdraw: () => {
            if (run.begun) return false
            runs.splice(runs.indexOf(run), 1)
            return true
          }
        }
      }
    }
  }
}

describe("Lanes", () => {
  it.effect(
    "lets an idle instance take what lies ready behind a run that has begun unnoticed",
    Effect.fnUntraced(function*() {
      const one = instance("one")
      const other = instance("other")
      const pool = [one.lent, other.lent]
      const instances: Instances = {
        count: 2,
        slots: yield* Semaphore.make(2),
        run: () => Effect.never,
        healthy: () => true,
        lend: Effect.sync(() => pool.shift()!)
      }
      const lanes = yield* Lanes.make(instances, () => {})
      for (let job = 1; job <= 5; job++) lanes.start([Fakes.job(job)], [], 1, () => {}, () => {})
      assert.deepStrictEqual([one.runs, other.runs].map((runs) => runs.map(({ job }) => job)), [[1, 3, 5], [2, 4]])
      one.runs[1]!.begun = true
      other.runs[0]!.end()
      other.runs[0]!.end()
      assert.deepStrictEqual([one.runs, other.runs].map((runs) => runs.map(({ job }) => job)), [[1, 3], [5]])
      assert.deepStrictEqual(lanes.load(), { running: 2, ready: 1 })
    }, Effect.scoped)
  )
})
