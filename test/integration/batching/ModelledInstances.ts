/** Instances whose runs take virtual time and really compute, with a record of what they ran. */
import { Clock, Deferred, Effect, Exit, FiberSet } from "effect"
import type { Instance } from "../../../src/layers/execution/internal/Instance.ts"
import * as InstanceBounds from "../../../src/layers/execution/internal/InstanceBounds.ts"
import * as InstancePool from "../../../src/layers/execution/internal/InstancePool.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { LentInstance, ModelPlan } from "../../../src/services/Executor.ts"
import * as Accumulator from "./Accumulator.ts"
import type { ModelledModel } from "./Scenario.ts"

/** A run that was begun. */
export interface Run {
  /** Instances are numbered in the order of their first run. */
  readonly instance: number
  /** Size of the first dimension of its first input. */
  readonly rows: number
  /** Virtual milliseconds. */
  readonly begunAt: number
  /** As in a scenario. */
  readonly members: string
}

export interface Modelled {
  readonly runs: Array<Run>
  /** Results that nobody has freed. */
  unreleased: number
}

type Done = Parameters<LentInstance["start"]>[2]

interface Waiting {
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
  readonly done: Done
}

const floats = (tensor: Tensor): Float32Array =>
  new Float32Array(tensor.data.slice().buffer, 0, tensor.data.byteLength >> 2)

const fp32 = (name: string, shape: ReadonlyArray<number>, values: Float32Array): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  data: new Uint8Array(values.buffer, 0, values.byteLength)
})

const computeWith = (
  compute: Exclude<ModelledModel["compute"], "sums"> = { OUTPUT0: (x: number) => x },
  plan: ModelPlan
) => {
  return ({ inputs, outputs }: Waiting): ReadonlyArray<Tensor> => {
    if (compute === "lengths") {
      const counts = inputs.find(({ name }) => name === "COUNTS")!
      return outputs.map((name) => fp32(name, [counts.shape[0]!, 1], floats(counts)))
    }
    const given = plan.inputs.map(({ name }) => inputs.find((input) => input.name === name))
    const { shape } = inputs[0]!
    const values = given.map((input) => input === undefined ? undefined : floats(input))
    const length = shape.reduce((product, dim) => product * dim, 1)
    return outputs.map((name) =>
      fp32(name, shape, Float32Array.from({ length }, (_, i) => compute[name]!(...values.map((of) => of?.[i] ?? 0))))
    )
  }
}

export const make = Effect.fnUntraced(function*(plan: ModelPlan, model: ModelledModel) {
  const modelled: Modelled = { runs: [], unreleased: 0 }
  const clock = yield* Clock.Clock
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const { exec = () => 0, places = 1 } = model
  let used = 0

  const open = (index: number): Instance => {
    const lost = Deferred.makeUnsafe<string>()
    const compute = model.compute === "sums" ? Accumulator.make() : computeWith(model.compute, plan)
    /** In order; the first one runs. */
    const waiting: Array<Waiting> = []
    let since: bigint | undefined
    let number: number | undefined

    const begin = () => {
      const run = waiting[0]
      since = run === undefined ? undefined : clock.monotonicTimeNanosUnsafe()
      if (run === undefined) return
      number ??= used++
      const millis = exec(number)
      modelled.runs.push({
        instance: number,
        rows: run.inputs[0]!.shape[0]!,
        begunAt: clock.currentTimeMillisUnsafe(),
        members: Accumulator.membersOf(run.inputs)
      })
      const begunAtNanos = Number(since)
      fork(Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => {
          const outputs = compute(run)
          waiting.shift()
          modelled.unreleased++
          begin()
          run.done(Exit.succeed({
            outputs,
            begunAtNanos,
            computeInputNanos: 0,
            computeInferNanos: millis * 1e6,
            computeOutputNanos: 0,
            release: () => void modelled.unreleased--
          }))
        })
      ))
    }

    return {
      name: `${plan.model}_${index}`,
      lost,
      answers: () => 0,
      runningSince: () => since,
      abandon: (reason) => Deferred.doneUnsafe(lost, Exit.succeed(reason)),
      accepts: () => waiting.length < places,
      quick: () => false,
      start: (inputs, outputs, done) => {
        const run = { inputs, outputs, done }
        if (waiting.push(run) === 1) begin()
        return {
          withdraw: () => {
            const at = waiting.indexOf(run)
            if (at < 1) return false
            waiting.splice(at, 1)
            return true
          }
        }
      }
    }
  }

  const instances = yield* InstancePool.make({
    model: plan.model,
    count: model.instances ?? 1,
    open: (index) => Effect.sync(() => open(index)),
    restart: InstancePool.defaultRestart,
    stableAfter: "1 minute",
    bounds: InstanceBounds.none,
    poll: () => {}
  })
  return { instances, modelled }
})
