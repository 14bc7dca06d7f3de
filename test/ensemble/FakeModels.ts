/** Models of steps whose runs the test ends by hand, and ensembles over them. */
import { Effect, Exit, Result, type Scope } from "effect"
import * as EnsembleScheduler from "../../src/layers/ensemble/EnsembleScheduler.ts"
import * as Answering from "../../src/layers/inference/Answering.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { ExecutionFailed, type LoadFailed, ModelNotFound } from "../../src/schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Parameter, Tensor } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { Lookup, Model } from "../../src/services/ModelRepository.ts"
import type { Job, JobFailure, JobResult } from "../../src/services/Scheduler.ts"

/** An FP32 tensor of one dimension unless told otherwise. */
export const tensor = (name: string, values: ReadonlyArray<number>, shape = [values.length]): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer)
})

export const bool = (name: string, value: boolean): Tensor => ({
  name,
  datatype: "BOOL",
  shape: [1],
  data: Uint8Array.of(value ? 1 : 0)
})

export const int64 = (
  name: string,
  rows: ReadonlyArray<ReadonlyArray<number>>,
  rank = rows[0]?.length ?? 1
): Tensor => ({
  name,
  datatype: "INT64",
  shape: [rows.length, rank],
  data: new Uint8Array(BigInt64Array.from(rows.flat(), BigInt).buffer)
})

export const floats = ({ data }: Tensor): ReadonlyArray<number> => [...new Float32Array(new Uint8Array(data).buffer)]
export const integers = ({ data }: Tensor): ReadonlyArray<number> =>
  Array.from(new BigInt64Array(new Uint8Array(data).buffer), Number)

/** A request to a step. */
export interface Asked {
  readonly model: string
  readonly version: number
  readonly job: Job
  readonly request: InferenceRequest
  state: "running" | "answered" | "failed" | "interrupted"
  released: number
  /** Answers with these tensors; without any, with the first input raised by one under the name of each output asked for. */
  readonly answer: (outputs?: ReadonlyArray<Tensor>, parameters?: ReadonlyMap<string, Parameter>) => void
  readonly fail: (failure?: JobFailure) => void
  readonly die: (defect: unknown) => void
}

export interface FakeModelOptions {
  readonly config: ModelConfig.Draft
  readonly version?: number
  /** Answers at once; absent: the test does. */
  readonly run?: (job: Job) => ReadonlyArray<Tensor>
}

type Io = NonNullable<ModelConfig.Draft["input"]>[number]

/** An FP32 input or output of any length unless told otherwise. */
export const io = (name: string, change: Partial<Io> = {}): Io => ({
  name,
  data_type: "TYPE_FP32",
  dims: [-1],
  ...change
})

/** Models by name, each with the requests that it got. */
export class FakeModels {
  readonly asked: Array<Asked> = []
  readonly models = new Map<string, Array<Model>>()

  readonly lookup = (name: string, version: string): Lookup => {
    const versions = this.models.get(name) ?? []
    const found = version === "" ? versions.at(-1) : versions.find((model) => String(model.version) === version)
    return found === undefined
      ? Result.fail(new ModelNotFound({ message: `Request for unknown model: '${name}' is not found` }))
      : Result.succeed(found)
  }

  /** Names of the models whose runs are not over, in the order in which they were asked. */
  running(): ReadonlyArray<string> {
    return this.asked.filter(({ state }) => state === "running").map(({ model }) => model)
  }

  /** The last request to a model. */
  last(model: string): Asked {
    return this.asked.findLast((each) => each.model === model)!
  }

  add(options: FakeModelOptions): Model {
    const config = ModelConfig.make(options.config)
    const version = options.version ?? 1
    const statistics = new Books(config.name, version, () => 0)
    const model: Model = {
      name: config.name,
      version,
      config,
      signature: ModelSignature.make(config),
      statistics,
      healthy: () => true,
      scheduler: {
        depth: () => ({ waiting: 0, running: 0 }),
        submit: (job) => this.submit(model, job, options.run)
      }
    }
    return this.set(model)
  }

  set(model: Model): Model {
    const versions = this.models.get(model.name) ?? []
    this.models.set(model.name, [...versions, model].toSorted((a, b) => a.version - b.version))
    return model
  }

  /** Opens an ensemble and puts it among the models. */
  ensemble(
    config: ModelConfig.Draft,
    change: Partial<EnsembleScheduler.Options> = {}
  ): Effect.Effect<Model & { readonly statistics: Books }, LoadFailed, Scope.Scope> {
    const made = ModelConfig.make({ platform: "ensemble", ...config })
    const statistics = new Books(made.name, 1, () => 0)
    const signature = ModelSignature.make(made)
    return Effect.map(
      EnsembleScheduler.open({ config: made, version: 1, signature, statistics, lookup: this.lookup, ...change }),
      (scheduler) => {
        const model = {
          name: made.name,
          version: 1,
          config: made,
          signature,
          statistics,
          healthy: () => true,
          scheduler
        }
        this.set(model)
        return model
      }
    )
  }

  private submit(model: Model, job: Job, run: FakeModelOptions["run"]): Effect.Effect<JobResult, JobFailure> {
    return Effect.callback((resume) => {
      const { asked } = this
      const answerOf = (outputs: ReadonlyArray<Tensor>, parameters?: ReadonlyMap<string, Parameter>): JobResult => ({
        outputs,
        begunAtNanos: 0,
        computeInputNanos: 10,
        computeInferNanos: 200,
        computeOutputNanos: 30,
        queueNanos: 4,
        batchRows: job.batchSize,
        parameters,
        release: () => void one.released++
      })
      const one: Asked = {
        model: model.name,
        version: model.version,
        job,
        request: job.request!,
        state: "running",
        released: 0,
        answer: (outputs, parameters) => {
          one.state = "answered"
          model.statistics.succeeded(job.batchSize, {
            request: 9,
            queue: 0,
            computeInput: 0,
            computeInfer: 0,
            computeOutput: 0
          })
          resume(Exit.succeed(answerOf(outputs ?? raised(job), parameters)))
        },
        fail: (failure) => {
          one.state = "failed"
          model.statistics.failed("BACKEND", 9)
          resume(Exit.fail(failure ?? new ExecutionFailed({ model: model.name, message: `${model.name} broke` })))
        },
        die: (defect) => {
          one.state = "failed"
          resume(Exit.die(defect))
        }
      }
      asked.push(one)
      if (run !== undefined) return one.answer(run(job))
      return Effect.sync(() => {
        one.state = "interrupted"
        model.statistics.failed("CANCELED", 9)
      })
    })
  }
}

/** The first input raised by one, for each output. */
export const raised = ({ inputs, outputs }: Job): ReadonlyArray<Tensor> =>
  outputs.map((name) => tensor(name, floats(inputs[0]!).map((value) => value + 1), [...inputs[0]!.shape]))

export const request = (change: Partial<InferenceRequest> = {}): InferenceRequest => ({
  id: "",
  inputs: [tensor("IN", [1, 2])],
  outputs: [],
  parameters: new Map(),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence: undefined,
  ...change
})

export const infer = (
  model: Model,
  change: Partial<InferenceRequest> = {}
): Effect.Effect<InferenceResponse, JobFailure> => Answering.infer(model, request(change))

type Map_ = Readonly<Record<string, string>>

/** A step: its model, and which ensemble tensor goes where. */
export const step = (model: string, input_map: Map_, output_map: Map_, model_version = -1) => ({
  model_name: model,
  model_version,
  input_map,
  output_map
})

/** Parameters as a config has them. */
export const parameters = (values: Map_) =>
  Object.fromEntries(Object.entries(values).map(([key, string_value]) => [key, { string_value }]))
