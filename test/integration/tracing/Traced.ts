/** A server in this process with real models, and a tracer that keeps its spans. */
import { Context, Effect, Layer, Tracer } from "effect"
import * as Server from "../../../src/layers/Server.ts"
import type { SequenceStep, Tensor } from "../../../src/schema/Inference.ts"
import type { ServerOptions } from "../../../src/schema/ServerOptions.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { infer, InferenceServer } from "../../../src/services/InferenceServer.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import { doubling, ensemble } from "../../repository/ensemble/Configs.ts"
import * as Recorded from "../../telemetry/spans/Recorded.ts"
import { type Files, folder } from "../cli/Child.ts"

const one = "instance_group { count: 1 kind: KIND_CPU }"
const minute = "max_queue_delay_microseconds: 60000000"
const model = (config: string, onnx = Models.simple()): Files => ({
  "config.pbtxt": config,
  1: { "model.onnx": onnx }
})

const repository: Files = {
  direct: model(`max_batch_size: 4 ${one}`),
  // Two requests of one row run as soon as both are there; one row waits for a minute.
  pairs: model(`max_batch_size: 4 ${one} dynamic_batching { preferred_batch_size: [ 2 ] ${minute} }`),
  waiting: model(`max_batch_size: 4 ${one} dynamic_batching { preferred_batch_size: [ 4 ] ${minute} }`),
  cached: model(`max_batch_size: 4 ${one} response_cache { enable: true }`),
  warm: model(
    `max_batch_size: 4 ${one} model_warmup { name: "zeros" batch_size: 1
      inputs { key: "INPUT0" value { data_type: TYPE_INT32 dims: [ 16 ] zero_data: true } }
      inputs { key: "INPUT1" value { data_type: TYPE_INT32 dims: [ 16 ] zero_data: true } } }`
  ),
  accumulate: model(
    SequenceModels.controlledConfig({ batching: "max_sequence_idle_microseconds: 60000000 direct {}" }),
    SequenceModels.controlled()
  ),
  chain: {
    "config.pbtxt": ensemble({
      steps: [doubling("direct", "IN", "twice"), doubling("direct", "twice", "OUT")]
    }),
    1: {}
  },
  outer: {
    "config.pbtxt": ensemble({ steps: [{ model: "chain", inputs: { IN: "IN" }, outputs: { OUT: "OUT" } }] }),
    1: {}
  },
  choosing: {
    "config.pbtxt": ensemble({
      batch: 0,
      inputs: { IN: { dims: "1, 16" }, MORE: { type: "BOOL", dims: "1" } },
      outputs: { OUT: { dims: "1, 16" }, ANOTHER: { dims: "1, 16" } },
      steps: [doubling("direct", "IN", "OUT"), doubling("direct", "OUT", "ANOTHER")],
      more: `parameters { key: "galatea.condition.1" value { string_value: "MORE" } }`
    }),
    1: {}
  }
}

export interface Asked {
  readonly model: string
  readonly id?: string
  readonly sequence?: SequenceStep
  readonly deadlineMicros?: number
}

/** Rows of the value 1 for `Models.simple`. */
export const rows = (count = 1): ReadonlyArray<Tensor> =>
  ["INPUT0", "INPUT1"].map((name) => Tensors.from(name, [count, 16], new Int32Array(count * 16).fill(1)))

/** Rows of the value 1 for an ensemble. */
export const ensembleRows = [Tensors.from("IN", [1, 16], new Int32Array(16).fill(1))]

/** Starts it with these models, and those that they consist of. */
export const start = (
  models: ReadonlyArray<string>,
  options: Partial<ServerOptions> = {},
  recorded: Recorded.Recorded = Recorded.make()
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      Server.layerInProcess({
        modelRepository: [yield* folder(repository)],
        modelControlMode: "explicit",
        loadModel: models,
        cacheConfig: [{ scope: "local", key: "size", value: "1000000" }],
        ...options
      })
    ).pipe(Effect.provideService(Tracer.Tracer, recorded.tracer))
    const server = Context.get(context, InferenceServer)
    /** Spans of the start. */
    const started = recorded.spans.splice(0)
    return {
      ...recorded,
      context,
      server,
      started,
      ask: (request: Asked, inputs: ReadonlyArray<Tensor> = rows()) =>
        infer({ inputs, ...request }).pipe(
          Effect.map(({ outputs }) => outputs.map(({ data, name }) => ({ name, bytes: data.byteLength }))),
          Effect.scoped,
          Effect.provideContext(context)
        )
    }
  })
