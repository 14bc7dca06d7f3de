/** The server that the doors lead to: real models, and a hand on when they run. */
import { Context, Effect, Fiber, Layer, Result } from "effect"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as Server from "../../src/layers/Server.ts"
import * as DataType from "../../src/schema/DataType.ts"
import { InferenceError, type InferenceFailure } from "../../src/schema/Errors.ts"
import type { InferenceRequest, InferenceResponse } from "../../src/schema/Inference.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import { Executor, type Instances } from "../../src/services/Executor.ts"
import { infer, InferenceServer } from "../../src/services/InferenceServer.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import type { ElementType } from "../fixtures/onnx/OnnxWriter.ts"
import * as SequenceModels from "../fixtures/onnx/SequenceModels.ts"
import { type Files, folder } from "../integration/cli/Child.ts"
import { eventually } from "../integration/http/Wire.ts"
import type { Services } from "./Door.ts"

/** Every datatype that the engine carries. */
export const datatypes = DataType.table.flatMap(({ name }) => name === "BF16" ? [] : [name])

const batching = (policy: string) =>
  `max_batch_size: 1
   instance_group { count: 1 kind: KIND_CPU }
   dynamic_batching { priority_levels: 2 default_priority_level: 2 default_queue_policy { ${policy} } }`

const repository: Files = {
  simple: {
    "config.pbtxt": "max_batch_size: 8 version_policy { all { } }",
    1: { "model.onnx": Models.simple() },
    3: { "model.onnx": Models.simple() }
  },
  classifier: {
    "config.pbtxt": `max_batch_size: 8
      input { name: "INPUT0" data_type: TYPE_FP32 dims: 4 }
      output { name: "SCORES" data_type: TYPE_FP32 dims: 4 label_filename: "labels.txt" }`,
    "labels.txt": "ant\nbee\ncat\ndog\n",
    1: { "model.onnx": Models.classifier() }
  },
  cached: {
    "config.pbtxt": "max_batch_size: 4 response_cache { enable: true }",
    1: { "model.onnx": Models.identityFp32() }
  },
  accumulate: {
    "config.pbtxt": SequenceModels.controlledConfig({
      batching: "max_sequence_idle_microseconds: 60000000 oldest { max_candidate_sequences: 3 }",
      more: `parameters { key: "galatea.sequence.max_backlog" value { string_value: "1" } }`
    }),
    1: { "model.onnx": SequenceModels.controlled() }
  },
  scalar: { 1: { "model.onnx": Models.scalar() } },
  wide: { "config.pbtxt": "max_batch_size: 4", 1: { "model.onnx": Models.identityFp32() } },
  queued: {
    "config.pbtxt": batching("default_timeout_microseconds: 60000000 allow_timeout_override: true max_queue_size: 2"),
    1: { "model.onnx": Models.identityFp32() }
  },
  ...Object.fromEntries(
    datatypes.map((name) => [
      `identity_${name.toLowerCase()}`,
      { 1: { "model.onnx": Models.identity(name as ElementType, ["batch", "width"]) } }
    ])
  )
}

export interface DoorServer {
  readonly services: Services
  /** What the server was asked last. */
  readonly asked: () => InferenceRequest | undefined
  /** The next request that is asked for fails with this. */
  readonly failNext: (failure: InferenceFailure) => void
  /** First byte of the first input of every run of `queued`, in order. */
  readonly runs: Array<number>
  /** Keeps the only instance of `queued` busy until `release`, so that requests wait. */
  readonly hold: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Requests that wait for `queued`. */
  readonly waiting: () => number
  /** Requests that wait for a model. */
  readonly waitingOf: (model: string) => number
}

/** Serves until the scope closes. */
export const start = Effect.gen(function*() {
  const models = yield* folder(repository)
  const gate = new Gate()
  const executor = Layer.effect(
    Executor,
    Effect.map(Executor, (real): Executor["Service"] => ({
      ...real,
      open: (plan) =>
        Effect.map(real.open(plan), (instances) => plan.model === "queued" ? gate.before(instances) : instances)
    }))
  ).pipe(Layer.provide(OnnxExecutor.layer))
  const context = yield* Layer.build(
    Server.layerInProcess({
      id: "doors",
      modelRepository: [models],
      cacheConfig: [{ scope: "local", key: "size", value: "1000000" }]
    }, { executor })
  )
  const server = Context.get(context, InferenceServer)
  let asked: InferenceRequest | undefined
  let failure: InferenceFailure | undefined
  const recorded = InferenceServer.of({
    ...server,
    infer: (model, request) => {
      asked = request
      const reason = failure
      failure = undefined
      return reason === undefined ? server.infer(model, request) : Effect.fail(new InferenceError({ reason }))
    }
  })
  const model = yield* Effect.fromResult(server.model("queued", ""))
  const plug = Effect.scoped(
    Effect.provideContext(
      infer({ model: "queued", inputs: [Tensors.from("INPUT0", [1, 1], new Float32Array(1))] }),
      context
    )
  )
  const scope = yield* Effect.scope
  let plugged: Fiber.Fiber<InferenceResponse, InferenceError>
  return {
    services: Context.make(InferenceServer, recorded).pipe(
      Context.add(TensorMemory, Context.get(context, TensorMemory))
    ),
    asked: () => asked,
    failNext: (reason) => {
      failure = reason
    },
    runs: gate.runs,
    hold: Effect.gen(function*() {
      gate.closed = true
      plugged = yield* Effect.forkIn(plug, scope)
      yield* eventually(() => gate.behind !== undefined, (seen) => seen)
    }),
    release: Effect.suspend(() => {
      gate.open()
      return Effect.asVoid(Effect.orDie(Fiber.join(plugged)))
    }),
    waiting: () => model.scheduler.depth().waiting,
    waitingOf: (name) => Result.getOrThrow(server.model(name, "")).scheduler.depth().waiting
  } satisfies DoorServer
}).pipe(Effect.orDie)

/** Stands before an instance: while it is closed, one run waits behind it and no other is accepted. */
class Gate {
  readonly runs: Array<number> = []
  closed = false
  behind: (() => void) | undefined = undefined

  open(): void {
    this.closed = false
    const waiting = this.behind
    this.behind = undefined
    waiting?.()
  }

  before(instances: Instances): Instances {
    return {
      ...instances,
      lend: Effect.map(instances.lend, (lent) => ({
        ...lent,
        accepts: () => this.behind === undefined && lent.accepts(),
        start: (inputs, outputs, done) => {
          if (!this.closed) {
            this.runs.push(inputs[0]!.data[0]!)
            return lent.start(inputs, outputs, done)
          }
          this.behind = () => lent.start(inputs, outputs, done)
          return { withdraw: () => false }
        }
      }))
    }
  }
}
