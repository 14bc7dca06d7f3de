/** Instances that a test finishes, crashes and fails to open by hand, with a log of what they were asked to do. */
import { Deferred, Effect, Exit, Schedule } from "effect"
import type * as Breaker from "../../src/layers/execution/internal/Breaker.ts"
import type { Instance } from "../../src/layers/execution/internal/Instance.ts"
import * as InstanceBounds from "../../src/layers/execution/internal/InstanceBounds.ts"
import * as InstancePool from "../../src/layers/execution/internal/InstancePool.ts"
import { InstanceLost, LoadFailed } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { Instances } from "../../src/services/Executor.ts"

export interface Running {
  /** Shape of the first input: which job it is. */
  readonly job: number
  readonly finish: () => void
}

export interface Fake {
  readonly index: number
  /** Number of this instance among all that were opened. */
  readonly serial: number
  running: Running | undefined
  /** Resident bytes of what would be its process. */
  memoryBytes: number | undefined
  readonly crash: (reason: string) => void
}

export interface Fakes {
  /** Open now, by index of the instance. */
  readonly open: Map<number, Fake>
  readonly log: Array<string>
  /** Every run that began, in order. */
  readonly started: Array<Running>
  /** Most runs started at once on one instance. */
  mostAtOnce: number
  /** Results that were given to their caller and not freed. */
  unreleased: number
  /** Openings that fail before one succeeds. */
  failures: number
}

export const make = (): Fakes => ({ open: new Map(), log: [], started: [], mostAtOnce: 0, unreleased: 0, failures: 0 })

/** An input that says which job it belongs to. */
export const job = (number: number): Tensor => ({
  name: "X",
  datatype: "UINT8",
  shape: [number],
  data: new Uint8Array(0)
})

export const running = (fakes: Fakes): ReadonlyArray<Running> =>
  [...fakes.open.values()].flatMap((fake) => fake.running === undefined ? [] : [fake.running])

const failure = (index: number, begun: boolean) =>
  Exit.fail(new InstanceLost({ message: "lost", model: "m", instance: `m_${index}`, begun }))

export const pool = (
  fakes: Fakes,
  options: {
    readonly count: number
    readonly stallTimeout?: string
    readonly restart?: Schedule.Schedule<unknown>
    /** Runs that an instance takes at once. Default: 1. */
    readonly places?: number
    /** `false`: their runs take longer than a wake-up. */
    readonly quick?: false
    readonly passive?: ReadonlySet<number>
    readonly breaker?: Breaker.Options
    readonly maxRunNanos?: number
    readonly maxMemoryBytes?: number
    readonly maxGrowthBytes?: number
    /** As the model's own config says. */
    readonly ownMaxMemoryBytes?: number
    readonly freeMemory?: () => number
    readonly isolation?: "process"
    /** They have no processes of their own. */
    readonly inThreads?: boolean
  }
) => {
  let serial = 0
  return InstancePool.make({
    model: "m",
    count: options.count,
    passive: options.passive ?? new Set(),
    restart: options.restart ?? Schedule.exponential("100 millis"),
    stableAfter: "1 minute",
    bounds: InstanceBounds.of({ maxRunNanos: options.maxRunNanos, maxMemoryBytes: options.ownMaxMemoryBytes }, {
      ...options,
      stallTimeout: (options.stallTimeout ?? "5 minutes") as "5 minutes"
    }),
    breaker: options.breaker,
    ...(options.freeMemory === undefined ? {} : { freeMemory: options.freeMemory }),
    poll: () => {},
    open: (index) =>
      Effect.gen(function*() {
        if (fakes.failures > 0) {
          fakes.failures--
          fakes.log.push(`refuse ${index}`)
          return yield* new LoadFailed({ message: "no", model: "m", code: "INTERNAL" })
        }
        const lost = Deferred.makeUnsafe<string>()
        /** In order; the first one runs. */
        const runs: Array<{ readonly inputs: ReadonlyArray<Tensor>; readonly done: Done; begunAt: number }> = []
        let since: bigint | undefined
        let answers = 0
        const clock = yield* Effect.clockWith(Effect.succeed)
        const begin = () => {
          const run = runs[0]
          since = run === undefined ? undefined : clock.monotonicTimeNanosUnsafe()
          fake.running = undefined
          if (run === undefined) return
          const number = run.inputs[0]!.shape[0]!
          fakes.log.push(`run ${number}`)
          run.begunAt = Number(since)
          const running: Running = {
            job: number,
            finish: () => {
              runs.shift()
              answers++
              fakes.unreleased++
              begin()
              run.done(Exit.succeed({
                outputs: run.inputs,
                begunAtNanos: run.begunAt,
                computeInputNanos: 1,
                computeInferNanos: 2,
                computeOutputNanos: 3,
                release: () => void fakes.unreleased--
              }))
            }
          }
          fake.running = running
          fakes.started.push(running)
        }
        const fake: Fake = {
          index,
          serial: serial++,
          running: undefined,
          memoryBytes: undefined,
          crash: (reason) => {
            fakes.open.delete(index)
            Deferred.doneUnsafe(lost, Exit.succeed(reason))
            fake.running = undefined
            since = undefined
            runs.splice(0).forEach((run, at) => run.done(failure(index, at === 0)))
          }
        }
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            fakes.open.set(index, fake)
            fakes.log.push(`open ${index}`)
          }),
          () =>
            Effect.sync(() => {
              if (fakes.open.get(index) === fake) fakes.open.delete(index)
              fakes.log.push(`close ${index}`)
            })
        )
        return {
          name: `m_${index}`,
          lost,
          runningSince: () => since,
          answers: () => answers,
          ...(options.inThreads === true ? {} : { memoryBytes: () => fake.memoryBytes }),
          abandon: fake.crash,
          accepts: () => runs.length < (options.places ?? 1),
          quick: () => options.quick ?? true,
          start: (inputs, _outputs, done) => {
            if (!fakes.open.has(index) || fakes.open.get(index) !== fake) {
              done(failure(index, false))
              return { withdraw: () => false }
            }
            const run = { inputs, done, begunAt: 0 }
            fakes.mostAtOnce = Math.max(fakes.mostAtOnce, runs.push(run))
            if (runs.length === 1) begin()
            return {
              withdraw: () => {
                const at = runs.indexOf(run)
                if (at < 1) return false
                runs.splice(at, 1)
                return true
              }
            }
          }
        } satisfies Instance
      })
  })
}

/** Instances whose runs give their first input back under the name of an output. */
export const asOutput = (instances: Instances, output: string): Instances => ({
  ...instances,
  lend: Effect.map(instances.lend, (lent) => ({
    ...lent,
    start: (inputs, outputs, done) =>
      lent.start(
        inputs,
        outputs,
        (exit) => done(Exit.map(exit, (result) => ({ ...result, outputs: [{ ...inputs[0]!, name: output }] })))
      )
  }))
})

type Done = Parameters<Instance["start"]>[2]

/** Lets everything that is ready run. */
export const settle = Effect.yieldNow.pipe(Effect.repeat({ times: 20 }))
