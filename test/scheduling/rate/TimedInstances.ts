/** Instances whose runs take a time of the clock, behind a rate limiter. */
import { Clock, Deferred, Effect, Exit, FiberSet, type Scope } from "effect"
import type { Instance } from "../../../src/layers/execution/internal/Instance.ts"
import * as InstanceBounds from "../../../src/layers/execution/internal/InstanceBounds.ts"
import * as InstancePool from "../../../src/layers/execution/internal/InstancePool.ts"
import * as ConfiguredRateLimiter from "../../../src/layers/scheduling/ConfiguredRateLimiter.ts"
import type { Amount } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import type { LoadFailed } from "../../../src/schema/Errors.ts"
import type { Instances, ModelPlan, PlannedInstance } from "../../../src/services/Executor.ts"
import { queueOptions } from "../QueueOptions.ts"

/** What a run was, in the order of their beginnings. */
export interface Begun {
  readonly model: string
  readonly instance: number
  /** Size of the first dimension of the first input. */
  readonly rows: number
}

/** An instance on the CPU with these needs. */
export const planned = (
  resources: Readonly<Record<string, number>>,
  options: { readonly priority?: number; readonly global?: ReadonlyArray<string>; readonly passive?: boolean } = {}
): PlannedInstance => ({
  name: "m_0",
  device: { kind: "CPU", id: 0 },
  priority: options.priority ?? 0,
  passive: options.passive ?? false,
  resources: Object.entries(resources).map(([name, count]) => ({
    name,
    count,
    global: options.global?.includes(name) ?? false
  }))
})

export const planOf = (model: string, instances: ReadonlyArray<PlannedInstance>): ModelPlan => ({
  ...queueOptions(model).plan,
  instances
})

/** A limiter, and models that open behind it. */
export const make = (amounts: ReadonlyArray<Amount>, options: { readonly mode?: "off" } = {}) => {
  const limiter = ConfiguredRateLimiter.make(amounts)
  const begun: Array<Begun> = []
  const open = Effect.fnUntraced(function*(
    model: string,
    instances: ReadonlyArray<PlannedInstance>,
    millis: number
  ) {
    const run = yield* FiberSet.makeRuntime<never>()
    const clock = yield* Clock.Clock
    const plan = planOf(model, instances)
    const pool: Effect.Effect<Instances, LoadFailed, Scope.Scope> = InstancePool.make({
      model,
      count: instances.length,
      passive: InstancePool.passiveOf(plan),
      restart: InstancePool.defaultRestart,
      stableAfter: "1 minute",
      bounds: InstanceBounds.none,
      poll: () => {},
      open: (index) =>
        Effect.sync(() => {
          let runs = 0
          return {
            name: `${model}_${index}`,
            accepts: () => runs === 0,
            quick: () => false,
            lost: Deferred.makeUnsafe<string>(),
            answers: () => 0,
            runningSince: () => undefined,
            abandon: () => {},
            start: (inputs, _outputs, done) => {
              runs++
              begun.push({ model, instance: index, rows: inputs[0]!.shape[0]! })
              const begunAtNanos = Number(clock.monotonicTimeNanosUnsafe())
              run(Effect.delay(
                Effect.sync(() => {
                  runs--
                  done(Exit.succeed({
                    outputs: inputs,
                    begunAtNanos,
                    computeInputNanos: 0,
                    computeInferNanos: millis * 1e6,
                    computeOutputNanos: 0,
                    release: () => {}
                  }))
                }),
                millis
              ))
              return { withdraw: () => false }
            }
          } satisfies Instance
        })
    })
    return options.mode === "off" ? yield* pool : yield* limiter.limit(plan, pool)
  })
  return { limiter, begun, open }
}
