/**
 * An executor without a native runtime: output `i` of a model is its input `i`, unchanged. For tests, and for applications
 * that want the server's pipeline without ONNX Runtime.
 */
import { Clock, Deferred, Effect, Exit, Layer } from "effect"
import { InvalidRequest } from "../../schema/Errors.ts"
import type { Tensor } from "../../schema/Inference.ts"
import {
  Executor,
  type LentInstance,
  type ModelInspection,
  type ModelPlan,
  type StartedRun
} from "../../services/Executor.ts"
import type { Instance } from "./internal/Instance.ts"
import * as InstanceBounds from "./internal/InstanceBounds.ts"
import * as InstancePool from "./internal/InstancePool.ts"

/** @category models */
export interface Options {
  /** What `inspect` says of every model. Default: no inputs and no outputs. */
  readonly inspection?: ModelInspection
}

const nothing = () => {}
const ended: StartedRun = { withdraw: () => false }

const startOf = (plan: ModelPlan, clock: Clock.Clock): Instance["start"] => {
  const inputIndex = new Map(plan.inputs.map((input, index) => [input.name, index]))
  const outputIndex = new Map(plan.outputs.map((output, index) => [output.name, index]))
  const refuse = (done: Parameters<LentInstance["start"]>[2], kind: "input" | "output", name: string) => {
    done(Exit.fail(new InvalidRequest({ message: `the model has no ${kind} '${name}'` })))
    return ended
  }
  return (inputs, outputs, done) => {
    const byIndex = new Map<number, Tensor>()
    for (const input of inputs) {
      const index = inputIndex.get(input.name)
      if (index === undefined) return refuse(done, "input", input.name)
      byIndex.set(index, input)
    }
    const results: Array<Tensor> = []
    for (const name of outputs) {
      const index = outputIndex.get(name)
      const input = index === undefined ? undefined : byIndex.get(index)
      if (input === undefined) return refuse(done, "output", name)
      results.push({ ...input, name, data: input.data.slice() })
    }
    done(Exit.succeed({
      outputs: results,
      begunAtNanos: Number(clock.monotonicTimeNanosUnsafe()),
      computeInputNanos: 0,
      computeInferNanos: 0,
      computeOutputNanos: 0,
      release: nothing
    }))
    return ended
  }
}

const make = (options: Options): Executor["Service"] =>
  Executor.of({
    devices: [{ kind: "CPU", id: 0 }],
    inspect: () => Effect.succeed(options.inspection ?? { inputs: [], outputs: [] }),
    open: Effect.fnUntraced(function*(plan) {
      const start = startOf(plan, yield* Clock.Clock)
      return yield* InstancePool.make({
        model: plan.model,
        count: plan.instances.length,
        passive: InstancePool.passiveOf(plan),
        open: (index) =>
          Effect.sync(() => ({
            name: plan.instances[index]!.name,
            placement: () => "inline",
            accepts: () => true,
            quick: () => true,
            start,
            lost: Deferred.makeUnsafe<string>(),
            answers: () => 0,
            runningSince: () => undefined,
            abandon: nothing
          })),
        restart: InstancePool.defaultRestart,
        stableAfter: "1 minute",
        bounds: InstanceBounds.none,
        poll: nothing
      })
    })
  })

/** Every model copies its inputs. @category layers */
export const layer: Layer.Layer<Executor> = Layer.succeed(Executor, make({}))

/** Every model copies its inputs, and `inspect` says what the options say. @category layers */
export const layerWith = (options: Options): Layer.Layer<Executor> => Layer.succeed(Executor, make(options))
