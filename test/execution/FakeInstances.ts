/** Instances that a test finishes, crashes and fails to open by hand, with a log of what they were asked to do. */
import { Deferred, Effect, Exit, Schedule } from "effect"
import * as InstancePool from "../../src/layers/execution/internal/InstancePool.ts"
import { InstanceLost, LoadFailed } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { ExecutionResult } from "../../src/services/Executor.ts"

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
  readonly crash: (reason: string) => void
}

export interface Fakes {
  /** Open now, by index of the instance. */
  readonly open: Map<number, Fake>
  readonly log: Array<string>
  /** Most runs at once on one instance; 1 is right. */
  mostAtOnce: number
  /** Results that were given to their caller and not freed. */
  unreleased: number
  /** Openings that fail before one succeeds. */
  failures: number
}

export const make = (): Fakes => ({ open: new Map(), log: [], mostAtOnce: 0, unreleased: 0, failures: 0 })

/** An input that says which job it belongs to. */
export const job = (number: number): Tensor => ({
  name: "X",
  datatype: "UINT8",
  shape: [number],
  data: new Uint8Array(0)
})

export const running = (fakes: Fakes): ReadonlyArray<Running> =>
  [...fakes.open.values()].flatMap((fake) => fake.running === undefined ? [] : [fake.running])

const failure = (index: number) => new InstanceLost({ message: "lost", model: "m", instance: `m_${index}` })

export const pool = (
  fakes: Fakes,
  options: { readonly count: number; readonly stallTimeout?: string; readonly restart?: Schedule.Schedule<unknown> }
) => {
  let serial = 0
  return InstancePool.make({
    model: "m",
    count: options.count,
    restart: options.restart ?? Schedule.exponential("100 millis"),
    stableAfter: "1 minute",
    stallTimeout: (options.stallTimeout ?? "5 minutes") as "5 minutes",
    poll: () => {},
    open: (index) =>
      Effect.gen(function*() {
        if (fakes.failures > 0) {
          fakes.failures--
          fakes.log.push(`refuse ${index}`)
          return yield* new LoadFailed({ message: "no", model: "m", code: "INTERNAL" })
        }
        const lost = Deferred.makeUnsafe<string>()
        let active = 0
        let since: bigint | undefined
        let fail: (() => void) | undefined
        const clock = yield* Effect.clockWith(Effect.succeed)
        const fake: Fake = {
          index,
          serial: serial++,
          running: undefined,
          crash: (reason) => {
            fakes.open.delete(index)
            Deferred.doneUnsafe(lost, Exit.succeed(reason))
            fail?.()
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
          abandon: fake.crash,
          start: (inputs, _outputs, done) => {
            const number = inputs[0]!.shape[0]!
            active++
            fakes.mostAtOnce = Math.max(fakes.mostAtOnce, active)
            fakes.log.push(`run ${number}`)
            since = clock.monotonicTimeNanosUnsafe()
            const end = (exit: Exit.Exit<ExecutionResult, InstanceLost>) => {
              active--
              since = undefined
              fail = undefined
              fake.running = undefined
              done(exit)
            }
            fail = () => end(Exit.fail(failure(index)))
            fake.running = {
              job: number,
              finish: () => {
                fakes.unreleased++
                end(Exit.succeed({
                  outputs: inputs,
                  computeInputNanos: 1,
                  computeInferNanos: 2,
                  computeOutputNanos: 3,
                  release: () => void fakes.unreleased--
                }))
              }
            }
          }
        } satisfies InstancePool.Instance
      })
  })
}

/** Lets everything that is ready run. */
export const settle = Effect.yieldNow.pipe(Effect.repeat({ times: 20 }))
