/** Versions to be warmed up on instances that keep a log, without model files. */
import { Effect, Exit, Semaphore } from "effect"
import type { Prepared } from "../../../src/layers/repository/internal/PrepareVersion.ts"
import { ExecutionFailed } from "../../../src/schema/Errors.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import type { SequenceState } from "../../../src/schema/SequenceState.ts"
import type { Instances, LentInstance } from "../../../src/services/Executor.ts"
import { parse } from "../config/Stages.ts"

/** A run that an instance was given. */
export interface Run {
  readonly instance: string
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
}

/** The version that a config describes, of the model `m` in a folder. */
export const prepared = (
  text: string,
  directory = "/nowhere",
  states: ReadonlyArray<SequenceState> = []
): Prepared => {
  const config = parse(`name: "m" ${text}`)
  return {
    config,
    version: 1,
    directory,
    contents: directory,
    bare: false,
    states,
    signature: ModelSignature.make(config),
    plan: {
      model: "m",
      version: 1,
      path: "",
      inputs: [],
      outputs: [],
      batched: config.max_batch_size > 0,
      instances: [],
      session: {}
    }
  }
}

/** So many instances, `m_0` and on, which answer with nothing; `failure` says why a run fails, where it does. */
export const instances = (
  count: number,
  runs: Array<Run>,
  failure: (run: Run) => string | undefined = () => undefined
): Instances => {
  const idle = Array.from({ length: count }, (_, index): LentInstance => ({
    name: `m_${index}`,
    index,
    accepts: () => true,
    quick: () => false,
    start: (inputs, outputs, done) => {
      const run = { instance: `m_${index}`, inputs, outputs }
      runs.push(run)
      const message = failure(run)
      done(
        message === undefined
          ? Exit.succeed({
            outputs: [],
            begunAtNanos: 0,
            computeInputNanos: 1,
            computeInferNanos: 2,
            computeOutputNanos: 3,
            release: () => {}
          })
          : Exit.fail(new ExecutionFailed({ model: "m", message }))
      )
      return { withdraw: () => false }
    },
    lost: Effect.never
  }))
  return {
    count,
    slots: Semaphore.makeUnsafe(count),
    run: () => Effect.die("each instance is warmed up by itself"),
    lend: Effect.acquireRelease(
      Effect.sync(() => idle.shift()!),
      (instance) => Effect.sync(() => idle.unshift(instance))
    ),
    healthy: () => true
  }
}
