/** Versions of sequence models on ONNX Runtime, whose batches a test puts together itself. */
import { Context, Effect, Exit, Layer, Result } from "effect"
import * as OnnxExecutor from "../../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import { validate } from "../../../src/layers/inference/internal/RequestValidation.ts"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import * as DirectScheduler from "../../../src/layers/scheduling/DirectScheduler.ts"
import * as SequenceLayout from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import * as LocalStatistics from "../../../src/layers/telemetry/LocalStatistics.ts"
import type { InferenceRequest, SequenceStep, Tensor } from "../../../src/schema/Inference.ts"
import { type LoadEvent, type Model, ModelRepository } from "../../../src/services/ModelRepository.ts"
import { type QueueOptions, Scheduler } from "../../../src/services/Scheduler.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"

/** A version, and what its queue would be opened with. */
export interface Driven {
  readonly model: Model
  readonly options: QueueOptions
  readonly layout: SequenceLayout.SequenceLayout
}

/** The versions of a repository by `‹model›/‹version›`, and the reasons of those that do not load by model. */
export const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make(tree)
  const events: Array<LoadEvent> = []
  const opened = new Map<string, QueueOptions>()
  const memory = SharedTensorMemory.make()
  const scheduler = Layer.succeed(Scheduler, {
    open: (options) =>
      Effect.suspend(() => {
        // Golden requests are no sequences any more.
        if (options.config.sequence_batching === undefined) return DirectScheduler.open(options, { memory })
        opened.set(`${options.config.name}/${options.version}`, options)
        return Effect.succeed({
          depth: () => ({ waiting: 0, running: 0 }),
          submit: () => Effect.die("the test runs the instances itself")
        })
      })
  })
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: [root],
      exitOnError: false,
      onEvent: (event) => Effect.sync(() => events.push(event))
    }).pipe(
      Layer.provide([OnnxExecutor.layer, scheduler, LocalStatistics.layer, TemporaryRepository.platform]),
      Layer.provide(Layer.succeed(TensorMemory, memory))
    )
  )
  const repository = Context.get(context, ModelRepository)
  return {
    memory,
    reasons: Object.fromEntries(
      events.flatMap((event) => event._tag === "Failed" ? [[event.model, event.reason] as const] : [])
    ),
    version: (name: string, version = 1): Driven => {
      const options = opened.get(`${name}/${version}`)!
      return {
        options,
        model: Result.getOrThrow(repository.lookup(name, String(version))),
        layout: SequenceLayout.make({ ...options, memory })
      }
    }
  }
})

export const request = (
  inputs: ReadonlyArray<Tensor>,
  sequence: SequenceStep | undefined,
  outputs: ReadonlyArray<string> = []
): InferenceRequest => ({
  id: "",
  inputs,
  outputs: outputs.map((name) => ({ name, classification: 0 })),
  parameters: new Map(),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence
})

/** A sequence of a test. */
export interface Caller {
  readonly id: bigint | string
  readonly cell: SequenceLayout.StateCell
}

/** One step of it. */
export interface Step {
  readonly caller: Caller
  readonly inputs: ReadonlyArray<Tensor>
  readonly start?: boolean
  readonly end?: boolean
  readonly outputs?: ReadonlyArray<string>
}

/** Runs steps as one batch; `undefined` is a row of nobody. What each step is answered stays usable. */
export const run = Effect.fnUntraced(function*(
  { layout, model, options }: Driven,
  steps: ReadonlyArray<Step | undefined>
) {
  const prepared = layout.prepare(steps.map((step) => {
    if (step === undefined) return undefined
    const { caller: { cell, id }, end = false, inputs, outputs, start = false } = step
    return { cell, end, start, job: Result.getOrThrow(validate(model, request(inputs, { id, start, end }, outputs))) }
  }))
  const result = yield* options.instances.run(prepared.inputs, prepared.outputs)
  const exits = prepared.share(result)
  prepared.release()
  return yield* Effect.forEach(exits, (exit) =>
    Effect.map(exit, ({ outputs, release }) => {
      const kept = outputs.map((output): Tensor => ({ ...output, data: output.data.slice() }))
      release()
      return kept
    }))
})

/** The first failure of steps that are run as one batch. */
export const failureOf = (driven: Driven, steps: ReadonlyArray<Step>) =>
  Effect.map(Effect.exit(run(driven, steps)), (exit) => Exit.isSuccess(exit) ? "" : String(exit.cause))
