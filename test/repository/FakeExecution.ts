/** An executor that believes the model file and runs nothing, and a scheduler to go with it; both keep a log. */
import { Effect, Latch, Layer, type Scope, Semaphore } from "effect"
import * as OnnxReader from "../../src/layers/repository/internal/onnx/OnnxReader.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import { fromName } from "../../src/schema/DataType.ts"
import { LoadFailed, Stopping } from "../../src/schema/Errors.ts"
import {
  type Device,
  Executor,
  type InstancesCondition,
  type ModelPlan,
  type SessionTensor
} from "../../src/services/Executor.ts"
import {
  type Job,
  type JobFailure,
  type JobResult,
  type ModelScheduler,
  Scheduler
} from "../../src/services/Scheduler.ts"
import type { Statistics } from "../../src/services/Statistics.ts"
import { platform } from "./TemporaryRepository.ts"

export interface Log {
  /** What happened, in order: `inspect m`, `open m 1`, `schedule m 1`, `unschedule m 1`, `close m 1`. */
  readonly events: Array<string>
  readonly plans: Array<ModelPlan>
}

export const log = (): Log => ({ events: [], plans: [] })

const acquire = (log: Log, begin: string, end: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => void log.events.push(begin)),
    () => Effect.sync(() => log.events.push(end))
  )

const tensor = ({ datatype, name, shape }: OnnxReader.OnnxModelInfo["inputs"][number]): SessionTensor => ({
  name,
  isTensor: true,
  type: (datatype === undefined ? undefined : fromName(datatype)?.ort) ?? "undefined",
  shape
})

/** What answers jobs. */
export type Running = (label: string, job: Job) => Effect.Effect<JobResult, JobFailure>

/** Refuses jobs once its scope closes, and waits for those that it took. */
const queue = Effect.fnUntraced(function*(label: string, running: Running) {
  const drained = yield* Latch.make(true)
  let present = 0
  let closing = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closing = true
      return drained.await
    })
  )
  const leave = Effect.sync(() => {
    if (--present === 0) drained.openUnsafe()
  })
  const scheduler: ModelScheduler = {
    submit: (job) =>
      Effect.suspend(() => {
        if (closing) return Effect.fail(new Stopping({ message: `${label} is closing` }))
        if (present++ === 0) drained.closeUnsafe()
        return Effect.ensuring(running(label, job), leave)
      }),
    depth: () => ({ waiting: 0, running: present })
  }
  return scheduler
})

/** Both services. `failures` fail as many openings of a model, named `‹model› ‹version›`, before it succeeds. */
export const layer = (
  log: Log,
  options: {
    readonly gpus?: ReadonlyArray<number>
    readonly failures?: Readonly<Record<string, number>>
    /** Runs before a version opens, named as in `failures`. */
    readonly opening?: (label: string) => Effect.Effect<void>
    /** Whether an opening fails, asked for after `opening`. */
    readonly fails?: (label: string) => boolean
    /** How the instances of every version have fared. Absent: nobody can tell. */
    readonly condition?: () => InstancesCondition
    /** Answers jobs, named by their version as in `failures`. Absent: nothing runs. */
    readonly running?: Running
  } = {}
): Layer.Layer<Executor | Scheduler | Statistics> => {
  const left = new Map(Object.entries(options.failures ?? {}))
  const devices: ReadonlyArray<Device> = [
    { kind: "CPU", id: 0 },
    ...(options.gpus ?? []).map((id) => ({ kind: "GPU" as const, id }))
  ]
  return Layer.mergeAll(
    LocalStatistics.layer,
    Layer.succeed(Executor, {
      devices,
      inspect: ({ model, path }) =>
        OnnxReader.read({ model, path }).pipe(
          Effect.map((info) => ({ inputs: info.inputs.map(tensor), outputs: info.outputs.map(tensor) })),
          Effect.tap(Effect.sync(() => log.events.push(`inspect ${model}`))),
          Effect.provide(platform)
        ),
      open: Effect.fnUntraced(function*(plan) {
        const label = `${plan.model} ${plan.version}`
        yield* options.opening?.(label) ?? Effect.void
        const remaining = left.get(label) ?? 0
        if (remaining > 0 || options.fails?.(label) === true) {
          left.set(label, Math.max(0, remaining - 1))
          return yield* new LoadFailed({ model: plan.model, code: "INTERNAL", message: "onnx runtime error 1: no" })
        }
        log.plans.push(plan)
        yield* acquire(log, `open ${label}`, `close ${label}`)
        return {
          count: plan.instances.length,
          slots: Semaphore.makeUnsafe(plan.instances.length),
          run: () => Effect.die("nothing runs here"),
          lend: Effect.die("nothing runs here"),
          healthy: () => true,
          ...(options.condition === undefined ? {} : { condition: options.condition })
        }
      })
    }),
    Layer.succeed(Scheduler, {
      open: Effect.fnUntraced(function*({ config, version }) {
        yield* acquire(log, `schedule ${config.name} ${version}`, `unschedule ${config.name} ${version}`)
        const { running } = options
        return running === undefined
          ? { submit: () => Effect.die("nothing runs here"), depth: () => ({ waiting: 0, running: 0 }) }
          : yield* queue(`${config.name} ${version}`, running)
      })
    })
  )
}
