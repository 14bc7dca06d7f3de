/** Jobs that have digits for names, and what became of them on fake instances. */
import { Effect, Result } from "effect"
import type { BatchLayout } from "../../src/layers/scheduling/internal/BatchLayout.ts"
import type { Job, ModelScheduler } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"

/** A job of one row, with a digit for a name. */
export const job = (digit: number, options: Partial<Job> = {}): Job => ({
  inputs: [Fakes.job(digit)],
  outputs: [],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  ...options
})

/** A batch is named by the digits of its jobs: `run 23`. */
export const layout: BatchLayout = {
  passesAlone: true,
  keyOf: () => undefined,
  sameKey: () => true,
  gather: (jobs) => ({
    inputs: [Fakes.job(Number(jobs.map(({ inputs }) => inputs[0]!.shape[0]).join("")))],
    outputs: [],
    rows: jobs.reduce((sum, { batchSize }) => sum + batchSize, 0),
    release: () => {}
  }),
  scatter: (jobs, _batch, result) => jobs.map(() => Result.succeed({ outputs: result.outputs, release: () => {} }))
}

/** Submits a job; the fiber has how it ended. */
export const submit = (scheduler: ModelScheduler, digit: number, options: Partial<Job> = {}) =>
  Effect.tap(
    Effect.forkChild(Effect.exit(scheduler.submit(job(digit, options))), { startImmediately: true }),
    Fakes.settle
  )

/** The runs that began, by the digits of their jobs. */
export const runs = (fakes: Fakes.Fakes) =>
  fakes.log.filter((line) => line.startsWith("run ")).map((line) => line.slice(4))
