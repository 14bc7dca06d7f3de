/** The inference service of KServe V2 over gRPC. */
import { Context, Effect, Layer } from "effect"
import type { GrpcCallOptions } from "../../../src/client/grpc/GrpcChannel.ts"
import { GrpcFailure } from "../../../src/client/grpc/GrpcFailure.ts"
import * as GrpcInferenceClient from "../../../src/client/grpc/GrpcInferenceClient.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import { codes } from "../../../src/schema/Errors.ts"
import type { Parameter } from "../../../src/schema/Inference.ts"
import * as ConfigJson from "../../../src/schema/proto/ConfigJson.ts"
import type { DraftOf, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import type { InferParameter, ModelInferRequest, ModelInferResponse } from "../../../src/schema/proto/InferFields.ts"
import type { Request } from "../../../src/services/InferenceServer.ts"
import type { IndexEntry } from "../../../src/services/ModelRepository.ts"
import { type Answer, type Door, type DoorKind, own, Refusal } from "../Door.ts"

const parameter = (value: Parameter): DraftOf<typeof InferParameter> =>
  typeof value === "boolean"
    ? { bool_param: value }
    : typeof value === "string"
    ? { string_param: value }
    : { int64_param: BigInt(value) }

const messageOf = (request: Request): DraftOf<typeof ModelInferRequest> => {
  const { inputs, outputs = [], priority, sequence, timeoutMicros } = request
  const parameters: Record<string, DraftOf<typeof InferParameter>> = {}
  for (const [name, value] of request.parameters ?? []) parameters[name] = parameter(value)
  if (priority !== undefined) parameters["priority"] = { uint64_param: BigInt(priority) }
  if (timeoutMicros !== undefined) parameters["timeout"] = { int64_param: BigInt(timeoutMicros) }
  if (sequence !== undefined) {
    parameters["sequence_id"] = parameter(sequence.id)
    parameters["sequence_start"] = { bool_param: sequence.start }
    parameters["sequence_end"] = { bool_param: sequence.end }
  }
  return {
    model_name: request.model,
    model_version: request.version ?? "",
    id: request.id ?? "",
    parameters,
    inputs: inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
    outputs: outputs.map(({ classification, name }) => ({
      name,
      parameters: classification === 0 ? {} : { classification: { int64_param: BigInt(classification) } }
    })),
    raw_input_contents: inputs.map(({ data }) => data)
  }
}

const answerOf = (response: TypeOf<typeof ModelInferResponse>): Answer => ({
  id: response.id,
  modelName: response.model_name,
  modelVersion: response.model_version,
  outputs: own(response.outputs.map(({ datatype, name, shape }, i) => ({
    name,
    datatype: datatype as DataType,
    shape: shape.map(Number),
    data: response.raw_output_contents[i]!
  })))
})

/** The HTTP status of what gRPC's number stands for. */
const refusalOf = (thrown: unknown): Refusal => {
  if (!(thrown instanceof GrpcFailure)) throw thrown
  const row = Object.values(codes).find(({ grpc }) => grpc === thrown.code)
  return new Refusal({ status: row?.http ?? 0, message: thrown.message })
}

const ask = <A>(call: (options: GrpcCallOptions) => Promise<A>): Effect.Effect<A, Refusal> =>
  Effect.tryPromise({ try: (signal) => call({ signal }), catch: refusalOf })

const tensors = (
  rows: ReadonlyArray<{ readonly name: string; readonly datatype: string; readonly shape: ReadonlyArray<unknown> }>
) => rows.map(({ datatype, name, shape }) => ({ name, datatype, shape: shape.map(Number) }))

const door = (client: GrpcInferenceClient.GrpcInferenceClient): Door => ({
  live: Effect.orDie(Effect.map(ask((options) => client.serverLive({}, options)), ({ live }) => live)),
  ready: Effect.orDie(Effect.map(ask((options) => client.serverReady({}, options)), ({ ready }) => ready)),
  serverMetadata: Effect.map(
    ask((options) => client.serverMetadata({}, options)),
    ({ extensions, name, version }) => ({ name, version, extensions })
  ),
  modelReady: (name, version) =>
    Effect.map(ask((options) => client.modelReady({ name, version }, options)), ({ ready }) => ready),
  modelMetadata: (model, version) =>
    Effect.map(
      ask((options) => client.modelMetadata({ name: model, version }, options)),
      ({ inputs, name, outputs, platform, versions }) => ({
        name,
        versions,
        platform,
        inputs: tensors(inputs),
        outputs: tensors(outputs)
      })
    ),
  modelConfig: (name, version) =>
    Effect.map(
      ask((options) => client.modelConfig({ name, version }, options)),
      ({ config }) => ConfigJson.toJson(config!)
    ),
  statistics: (model, version) =>
    Effect.map(
      ask((options) => client.modelStatistics({ name: model, version }, options)),
      ({ model_stats: rows }) =>
        rows.map((row) => ({
          name: row.name,
          version: row.version,
          inferenceCount: Number(row.inference_count),
          executionCount: Number(row.execution_count),
          successes: Number(row.inference_stats?.success?.count)
        }))
    ),
  index: (ready) =>
    Effect.map(
      ask((options) => client.repositoryIndex({ ready }, options)),
      ({ models }) =>
        models.map(({ name, state, version }) => ({ name, version, state: state as NonNullable<IndexEntry["state"]> }))
    ),
  load: (model) => Effect.asVoid(ask((options) => client.repositoryModelLoad({ model_name: model }, options))),
  unload: (model) => Effect.asVoid(ask((options) => client.repositoryModelUnload({ model_name: model }, options))),
  infer: (request) =>
    Effect.map(
      ask((options) => {
        const { deadlineMicros } = request
        return client.modelInfer(
          messageOf(request),
          deadlineMicros === undefined ? options : { ...options, timeoutMillis: deadlineMicros / 1000 }
        )
      }),
      answerOf
    )
})

export const grpc: DoorKind = {
  name: "gRPC",
  open: Effect.fnUntraced(function*(services) {
    const frontend = yield* Layer.build(
      GrpcFrontend.layer({ address: "127.0.0.1", port: 0 }).pipe(Layer.provide(Layer.succeedContext(services)))
    ).pipe(Effect.orDie)
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        GrpcInferenceClient.connect(`127.0.0.1:${Context.get(frontend, GrpcFrontend.GrpcFrontend).port}`)
      ),
      ({ close }) => Effect.sync(close)
    )
    return door(client)
  })
}
