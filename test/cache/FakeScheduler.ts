/** A queue whose runs the test ends by hand, and jobs for it. */
import { Effect, Exit } from "effect"
import { ExecutionFailed } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../src/services/Scheduler.ts"
import type { ModelStatistics } from "../../src/services/Statistics.ts"

export const tensor = (name: string, values: ReadonlyArray<number>, change: Partial<Tensor> = {}): Tensor => ({
  name,
  datatype: "UINT8",
  shape: [values.length],
  data: Uint8Array.from(values),
  ...change
})

export const job = (values: ReadonlyArray<number>, change: Partial<Job> = {}): Job => ({
  inputs: [tensor("IN", values)],
  outputs: ["OUT"],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  ...change
})

/** What a run of a job answers: its first input, each value raised by one. */
export const answerTo = ({ inputs }: Job): ReadonlyArray<number> => Array.from(inputs[0]!.data, (value) => value + 1)

export interface Run {
  readonly job: Job
  state: "running" | "answered" | "failed" | "interrupted"
  released: number
  readonly finish: () => void
  readonly fail: (failure?: JobFailure) => void
}

export const broken = (why = "broken") => new ExecutionFailed({ model: "m", message: why })

export interface FakeScheduler extends ModelScheduler {
  readonly runs: Array<Run>
  readonly running: () => ReadonlyArray<Run>
}

const times = { request: 10, queue: 1, computeInput: 2, computeInfer: 3, computeOutput: 4 }

/** Counts what it does as a real one would. */
export const make = (statistics: ModelStatistics): FakeScheduler => {
  const runs: Array<Run> = []
  const running = () => runs.filter(({ state }) => state === "running")
  const submit = (job: Job): Effect.Effect<JobResult, JobFailure> =>
    Effect.callback((resume) => {
      const run: Run = {
        job,
        state: "running",
        released: 0,
        finish: () => {
          run.state = "answered"
          statistics.succeeded(job.batchSize, times)
          statistics.executed(job.batchSize, times)
          resume(Exit.succeed({
            outputs: job.outputs.map((name) => tensor(name, answerTo(job))),
            begunAtNanos: 0,
            computeInputNanos: 2,
            computeInferNanos: 3,
            computeOutputNanos: 4,
            queueNanos: 1,
            batchRows: 7,
            release: () => void run.released++
          }))
        },
        fail: (failure = broken()) => {
          run.state = "failed"
          statistics.failed("BACKEND", 10)
          resume(Exit.fail(failure))
        }
      }
      runs.push(run)
      return Effect.sync(() => {
        run.state = "interrupted"
        statistics.failed("CANCELED", 10)
      })
    })
  return { submit, depth: () => ({ waiting: 0, running: running().length }), runs, running }
}
