/** The whole server of a scenario in this process, and what a test has to know of its inside. */
import { Clock, Context, type Duration, Effect, Layer, Scope } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import * as LocalInferenceServer from "../../../src/layers/inference/LocalInferenceServer.ts"
import { normaliseConfig } from "../../../src/layers/repository/internal/config/Normalise.ts"
import { validateConfig } from "../../../src/layers/repository/internal/config/Validate.ts"
import * as MemoryModelRepository from "../../../src/layers/repository/MemoryModelRepository.ts"
import * as ConfiguredScheduler from "../../../src/layers/scheduling/ConfiguredScheduler.ts"
import * as DynamicBatcher from "../../../src/layers/scheduling/DynamicBatcher.ts"
import * as SequenceBatcher from "../../../src/layers/scheduling/SequenceBatcher.ts"
import * as LocalStatistics from "../../../src/layers/telemetry/LocalStatistics.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import type { ModelPlan } from "../../../src/services/Executor.ts"
import type { Model } from "../../../src/services/ModelRepository.ts"
import { type ModelScheduler, Scheduler } from "../../../src/services/Scheduler.ts"
import { Statistics } from "../../../src/services/Statistics.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import * as ModelledInstances from "./ModelledInstances.ts"
import type { ModelledModel } from "./Scenario.ts"

export const modelName = "m"

export interface Options {
  /** No instance is given to the scheduler before `release`. */
  readonly held?: boolean
  readonly batcher?: DynamicBatcher.Options
  /** How long sequences may go on when the server ends. Default: not at all. */
  readonly drain?: Duration.Input
  /** Whose end ends the queue of the model. Default: that of the whole server. */
  readonly queueScope?: Scope.Scope
  /** Milliseconds until nobody waits for a request any more, by the order of submission: as if its front end had told. */
  readonly deadline?: (submission: number) => number | undefined
}

/** What the scheduler was asked so far. */
export interface Traffic {
  submitted: number
  /** Answered, refused or withdrawn. */
  ended: number
  /** Milliseconds between arrival and end, by the clock of the server. */
  readonly waits: Array<number>
}

const watched = (
  scheduler: ModelScheduler,
  traffic: Traffic,
  clock: Clock.Clock,
  { deadline = () => undefined }: Options
): ModelScheduler => ({
  depth: scheduler.depth,
  submit: (job) =>
    Effect.suspend(() => {
      const number = traffic.submitted++
      const arrivedAt = clock.monotonicTimeNanosUnsafe()
      const millis = deadline(number)
      return Effect.onExit(
        scheduler.submit(millis === undefined ? job : { ...job, deadlineMicros: millis * 1000 }),
        () =>
          Effect.sync(() => {
            traffic.ended++
            traffic.waits[number] = Number(clock.monotonicTimeNanosUnsafe() - arrivedAt) / 1e6
          })
      )
    })
})

const planOf = (config: ModelConfig.ModelConfig, signature: ModelSignature.ModelSignature): ModelPlan => {
  const specs = (tensors: ReadonlyArray<ModelSignature.SignatureTensor>) =>
    tensors.map(({ datatype, modelShape, name }) => ({ name, datatype, shape: modelShape }))
  return {
    model: config.name,
    version: 1,
    path: "",
    inputs: specs(signature.inputs),
    outputs: specs(signature.outputs),
    batched: config.max_batch_size > 0,
    instances: [],
    session: {}
  }
}

/** Serves one model over HTTP and gRPC until the scope closes. */
export const start = Effect.fnUntraced(function*(model: ModelledModel, options: Options = {}) {
  const shared = yield* Layer.build(Layer.mergeAll(SharedTensorMemory.layer, LocalStatistics.layer))
  const schedulers = Context.get(
    yield* Layer.build(
      ConfiguredScheduler.layer.pipe(
        Layer.provide([
          DynamicBatcher.layerWith(options.batcher ?? {}),
          SequenceBatcher.layerWith({ drain: options.drain ?? "0 millis" })
        ]),
        Layer.provide(Layer.succeedContext(shared))
      )
    ),
    Scheduler
  )
  const config = normaliseConfig(
    ModelConfig.make({ backend: "onnxruntime", platform: "onnxruntime_onnx", ...model.config, name: modelName })
  )
  yield* Effect.fromResult(validateConfig(config))
  const signature = ModelSignature.make(config)
  const plan = planOf(config, signature)
  const { instances, modelled } = yield* ModelledInstances.make(plan, model)
  const statistics = yield* Context.get(shared, Statistics).open({ model: config.name, version: 1 })
  if (options.held === true) yield* instances.slots.take(instances.count)
  const scope = options.queueScope ?? (yield* Effect.scope)
  const opened = yield* Scope.provide(
    schedulers.open({ config, version: 1, plan, signature, instances, statistics }),
    scope
  )
  const traffic: Traffic = { submitted: 0, ended: 0, waits: [] }
  const scheduler = watched(opened, traffic, yield* Clock.Clock, options)
  const value: Model = {
    name: config.name,
    version: 1,
    config,
    signature,
    scheduler,
    statistics,
    healthy: instances.healthy
  }
  const context = yield* Layer.build(
    Layer.mergeAll(
      HttpFrontend.layer({ address: "127.0.0.1", port: 0 }),
      GrpcFrontend.layer({ address: "127.0.0.1", port: 0 })
    ).pipe(
      Layer.provide(LocalInferenceServer.layer({ name: "test", version: "0", strictReadiness: false })),
      Layer.provide(MemoryModelRepository.layer([value])),
      Layer.provide(Layer.succeedContext(shared))
    )
  )
  const frontEnds = [Context.get(context, HttpFrontend.HttpFrontend), Context.get(context, GrpcFrontend.GrpcFrontend)]
  const memory = Context.get(shared, TensorMemory)
  return {
    config,
    modelled,
    /** Requests and bytes that the front ends still hold, and memory of tensors in use. */
    held: () => [
      ...frontEnds.map((frontEnd) => frontEnd.inFlight()).flatMap(({ bytes, requests }) => [requests, bytes]),
      memory.usage().inUse
    ],
    traffic,
    depth: scheduler.depth,
    counts: () => statistics.counts(),
    /** Gives the instances to the scheduler. */
    release: instances.slots.release(instances.count),
    port: Context.get(context, HttpFrontend.HttpFrontend).port,
    grpcPort: Context.get(context, GrpcFrontend.GrpcFrontend).port
  }
})

export type Server = Effect.Success<ReturnType<typeof start>>
