/** Versions that take memory as told, and requests that ask for them as front ends do. */
import { Duration, Effect, Latch, type Scope } from "effect"
import * as Residency from "../../../src/layers/repository/internal/residency/Residency.ts"
import type { ResidentVersion } from "../../../src/layers/repository/internal/residency/ResidentVersion.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import { LoadFailed, type ModelNotReady, Stopping } from "../../../src/schema/Errors.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import { type Model, whenResident } from "../../../src/services/ModelRepository.ts"
import type { Job, JobFailure, JobResult } from "../../../src/services/Scheduler.ts"

/** What a version takes, and how long things take. */
export interface Shape {
  readonly bytes: number
  readonly loadMillis?: number
  readonly runMillis?: number
  /** Loads that fail before one succeeds. */
  readonly failures?: number
  /** Live sequences, asked at any time. */
  readonly sequences?: () => number
}

/** Memory of a process in which versions are loaded. */
export class Machine {
  bytes = 1000
  /** Most that was used at any time, above what the empty process uses. */
  peak = 0
  readonly log: Array<string> = []

  take(bytes: number): void {
    this.bytes += bytes
    this.peak = Math.max(this.peak, this.bytes - 1000)
  }
}

const done: JobResult = {
  outputs: [],
  begunAtNanos: 0,
  queueNanos: 0,
  batchRows: 1,
  computeInputNanos: 0,
  computeInferNanos: 0,
  computeOutputNanos: 0,
  release: () => {}
}

const job: Job = { inputs: [], outputs: [], batchSize: 1, priority: 0, timeoutMicros: 0, deadlineMicros: 0 }

const open = Effect.fnUntraced(function*(machine: Machine, name: string, shape: Shape) {
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      machine.take(shape.bytes)
      machine.log.push(`open ${name}`)
    }),
    () =>
      Effect.sync(() => {
        machine.bytes -= shape.bytes
        machine.log.push(`close ${name}`)
      })
  )
  yield* Effect.sleep(shape.loadMillis ?? 0)
  let running = 0
  let closing = false
  const drained = yield* Latch.make(true)
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closing = true
      return drained.await
    })
  )
  const model: Model = {
    name,
    version: 1,
    config: ModelConfig.make({ name }),
    signature: ModelSignature.make(ModelConfig.make({ name })),
    statistics: new Books(name, 1, () => 0),
    healthy: () => true,
    scheduler: {
      depth: () => ({ waiting: 0, running }),
      ...(shape.sequences === undefined ? {} : { sequences: shape.sequences }),
      submit: () =>
        Effect.suspend(() => {
          if (closing) return Effect.fail(new Stopping({ message: "closing" }))
          if (running++ === 0) drained.closeUnsafe()
          return Effect.as(Effect.sleep(shape.runMillis ?? 0), done).pipe(
            Effect.ensuring(Effect.sync(() => {
              if (--running === 0) drained.openUnsafe()
            }))
          )
        })
    }
  }
  return model
})

export const source = (machine: Machine, name: string, shape: Shape): Parameters<Residency.Residency["add"]>[0] => {
  let failures = shape.failures ?? 0
  return {
    name,
    version: 1,
    fileBytes: Effect.succeed(Math.ceil(shape.bytes / 2)),
    open: Effect.suspend(() =>
      failures-- > 0
        ? Effect.fail(new LoadFailed({ model: name, code: "INTERNAL", message: "no such thing" }))
        : open(machine, name, shape)
    ),
    statistics: () => undefined
  }
}

export const make = (
  machine: Machine,
  options: Partial<Residency.Options> = {}
): Effect.Effect<Residency.Residency, never, Scope.Scope> =>
  Residency.make({
    budgetBytes: 0,
    idleTime: Duration.infinity,
    maxWaiting: 1000,
    maxWait: Duration.seconds(60),
    loadRetryCount: 0,
    residentBytes: () => machine.bytes,
    ...options
  })

/** One request: waits for the version, and runs; again where it left in between. */
export const request = (version: ResidentVersion): Effect.Effect<JobResult, ModelNotReady | JobFailure> =>
  Effect.flatMap(whenResident<Model, never>(() => version.found()), (model) => model.scheduler.submit(job)).pipe(
    Effect.catchTag("Stopping", () => request(version))
  )
