/** KServe V2 over gRPC, through the client of this package. */
import { Context, Effect, Layer } from "effect"
import * as GrpcFailure from "../../../src/client/grpc/GrpcFailure.ts"
import * as GrpcInferenceClient from "../../../src/client/grpc/GrpcInferenceClient.ts"
import * as GrpcFrontend from "../../../src/layers/frontend/GrpcFrontend.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import { codes } from "../../../src/schema/Errors.ts"
import type { Parameter, Tensor } from "../../../src/schema/Inference.ts"
import * as ConfigJson from "../../../src/schema/proto/ConfigJson.ts"
import type { DraftOf, TypeOf } from "../../../src/schema/proto/Descriptor.ts"
import type { InferParameter, ModelInferRequest, ModelInferResponse } from "../../../src/schema/proto/InferFields.ts"
import type { Request } from "../../../src/services/InferenceServer.ts"
import type { VersionState } from "../../../src/services/ModelRepository.ts"
import { type Answer, type Door, type DoorKind, own, Refusal } from "../Door.ts"

/** HTTP statuses of the failures of the server, by their gRPC status. */
const statuses = new Map<number, number>(Object.values(codes).map(({ grpc, http }) => [grpc, http]))

/** A transport that fails gives no answer of the server. */
const ask = <A>(call: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Refusal> =>
  Effect.catch(
    Effect.tryPromise({ try: call, catch: (failure) => failure as GrpcFailure.GrpcFailure }),
    (failure) => {
      const status = statuses.get(GrpcFailure.statusCodes[failure.status])
      return status === undefined ? Effect.die(failure) : Effect.fail(new Refusal({ status, message: failure.message }))
    }
  )

const parameter = (value: Parameter): DraftOf<typeof InferParameter> =>
  typeof value === "boolean"
    ? { bool_param: value }
    : typeof value === "string"
    ? { string_param: value }
    : { int64_param: BigInt(value) }

const parametersOf = ({ parameters = new Map<string, Parameter>(), priority, sequence, timeoutMicros }: Request) => {
  const all: Array<readonly [string, Parameter]> = [...parameters]
  if (priority !== undefined) all.push(["priority", priority])
  if (timeoutMicros !== undefined) all.push(["timeout", timeoutMicros])
  if (sequence !== undefined) {
    const { end, id, start } = sequence
    // The bits of an id above 2^63 - 1 are those of a negative number.
    all.push(["sequence_id", typeof id === "string" ? id : BigInt.asIntN(64, id)])
    all.push(["sequence_start", start], ["sequence_end", end])
  }
  return Object.fromEntries(all.map(([name, value]) => [name, parameter(value)]))
}

const messageOf = (request: Request): DraftOf<typeof ModelInferRequest> => ({
  model_name: request.model,
  model_version: request.version ?? "",
  id: request.id ?? "",
  parameters: parametersOf(request),
  inputs: request.inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
  outputs: (request.outputs ?? []).map(({ classification, name }) => ({
    name,
    parameters: classification > 0 ? { classification: { int64_param: BigInt(classification) } } : {}
  })),
  raw_input_contents: request.inputs.map(({ data }) => data)
})

/** Text or a number, as it is given. */
const versionParameter = (version: string | number | undefined) =>
  version === undefined
    ? {}
    : { version: typeof version === "string" ? { string_param: version } : { int64_param: BigInt(version) } }

const answerOf = (response: TypeOf<typeof ModelInferResponse>): Answer => ({
  id: response.id,
  modelName: response.model_name,
  modelVersion: response.model_version,
  outputs: own(response.outputs.map(({ datatype, name, shape }, i): Tensor => ({
    name,
    datatype: datatype as DataType,
    shape,
    data: response.raw_output_contents[i]!
  })))
})

const door = (client: GrpcInferenceClient.GrpcInferenceClient): Door => ({
  live: Effect.map(Effect.orDie(ask((signal) => client.serverLive({}, { signal }))), ({ live }) => live),
  ready: Effect.map(Effect.orDie(ask((signal) => client.serverReady({}, { signal }))), ({ ready }) => ready),
  serverMetadata: ask((signal) => client.serverMetadata({}, { signal })),
  modelReady: (name, version) =>
    Effect.map(ask((signal) => client.modelReady({ name, version }, { signal })), ({ ready }) => ready),
  modelMetadata: (name, version) =>
    Effect.map(ask((signal) => client.modelMetadata({ name, version }, { signal })), (metadata) => ({
      ...metadata,
      inputs: metadata.inputs.map((input) => ({ ...input, datatype: input.datatype as DataType })),
      outputs: metadata.outputs.map((output) => ({ ...output, datatype: output.datatype as DataType }))
    })),
  modelConfig: (name, version) =>
    Effect.map(
      ask((signal) => client.modelConfig({ name, version }, { signal })),
      ({ config }) => ConfigJson.toJson(config!)
    ),
  statistics: (name, version) =>
    Effect.map(
      ask((signal) => client.modelStatistics({ name, version }, { signal })),
      ({ model_stats: rows }) =>
        rows.map((row) => ({
          name: row.name,
          version: row.version,
          inferenceCount: Number(row.inference_count),
          executionCount: Number(row.execution_count),
          successes: Number(row.inference_stats?.success?.count),
          cache: [
            Number(row.inference_stats?.cache_hit?.count),
            Number(row.inference_stats?.cache_miss?.count)
          ] as const
        }))
    ),
  index: (ready) =>
    Effect.map(
      ask((signal) => client.repositoryIndex({ ready }, { signal })),
      ({ models }) =>
        models.map(({ name, reason, state, version }) => ({ name, version, state: state as VersionState, reason }))
    ),
  load: (name, { config, files = new Map(), version } = {}) => {
    const parameters = {
      ...versionParameter(version),
      ...(config === undefined ? {} : { config: { string_param: config } }),
      ...Object.fromEntries([...files].map(([path, content]) => [`file:${path}`, { bytes_param: content }]))
    }
    return Effect.asVoid(ask((signal) => client.repositoryModelLoad({ model_name: name, parameters }, { signal })))
  },
  unload: (name, { unloadDependents, version } = {}) => {
    const parameters = {
      ...versionParameter(version),
      ...(unloadDependents === undefined ? {} : { unload_dependents: { bool_param: unloadDependents } })
    }
    return Effect.asVoid(ask((signal) => client.repositoryModelUnload({ model_name: name, parameters }, { signal })))
  },
  infer: (request) =>
    Effect.map(
      ask((signal) =>
        client.modelInfer(messageOf(request), {
          signal,
          timeoutMillis: request.deadlineMicros === undefined ? undefined : request.deadlineMicros / 1000
        })
      ),
      answerOf
    )
})

export const grpc: DoorKind = {
  name: "gRPC",
  open: Effect.fnUntraced(function*(services) {
    const frontend = yield* Layer.build(
      GrpcFrontend.layer({ address: "127.0.0.1", port: 0 }).pipe(Layer.provide(Layer.succeedContext(services)))
    ).pipe(Effect.orDie)
    const { port } = Context.get(frontend, GrpcFrontend.GrpcFrontend)
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => GrpcInferenceClient.connect(`127.0.0.1:${port}`)),
      ({ close }) => Effect.sync(close)
    )
    return door(client)
  })
}
