/** Runs each model with the executor of its backend. */
import { Context, Effect, Layer } from "effect"
import { Executor } from "../../services/Executor.ts"

/** @category models */
export interface Options<R> {
  /** For ONNX models. Its devices are those of the server. */
  readonly onnxruntime: Layer.Layer<Executor, never, R>
  /** For custom models. */
  readonly custom: Layer.Layer<Executor, never, R>
}

/** The executors of both backends as one. @category layers */
export const layer = <R>(options: Options<R>): Layer.Layer<Executor, never, R> =>
  Layer.effect(
    Executor,
    Effect.gen(function*() {
      const onnxruntime = Context.get(yield* Layer.build(options.onnxruntime), Executor)
      const custom = Context.get(yield* Layer.build(options.custom), Executor)
      return Executor.of({
        devices: onnxruntime.devices,
        ...(onnxruntime.gpus === undefined ? {} : { gpus: onnxruntime.gpus }),
        inspect: onnxruntime.inspect,
        open: (plan) => (plan.backend === "custom" ? custom : onnxruntime).open(plan)
      })
    })
  )
