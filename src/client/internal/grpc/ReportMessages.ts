/** What a server tells about its models over gRPC, in the form of the HTTP protocol. */
import type { LogChange, LogSetting } from "../../../schema/LogSetting.ts"
import type { ModelMetadata } from "../../../schema/Metadata.ts"
import type { DraftOf, TypeOf } from "../../../schema/proto/Descriptor.ts"
import type {
  ModelIndex,
  RepositoryModelLoadRequest,
  RepositoryModelUnloadRequest
} from "../../../schema/proto/RepositoryFields.ts"
import type {
  LogSettingsRequest,
  LogSettingsResponse,
  TraceSettingRequest,
  TraceSettingResponse
} from "../../../schema/proto/SettingsFields.ts"
import type { ModelStatistics, StatisticDuration } from "../../../schema/proto/StatisticsFields.ts"
import type { ModelMetadataResponse } from "../../../schema/proto/StatusFields.ts"
import type { TraceChange, TraceSetting } from "../../../schema/TraceSetting.ts"
import type { LoadOptions, UnloadOptions } from "../../InferenceClient.ts"
import type { IndexEntry, Phase, VersionStatistics } from "../../Reports.ts"
import * as LogValues from "../LogValues.ts"
import * as TraceValues from "../TraceValues.ts"
import { versionParameter } from "../WireRequest.ts"

/** @internal */
export const metadataOf = (
  { inputs, name, outputs, platform, versions }: TypeOf<typeof ModelMetadataResponse>
): ModelMetadata => ({
  name,
  versions,
  platform,
  inputs: inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
  outputs: outputs.map(({ datatype, name, shape }) => ({ name, datatype, shape }))
})

const phase = (duration: TypeOf<typeof StatisticDuration> | undefined): Phase => ({
  count: Number(duration?.count ?? 0n),
  ns: Number(duration?.ns ?? 0n)
})

/** @internal */
export const statisticsOf = (entry: TypeOf<typeof ModelStatistics>): VersionStatistics => {
  const counted = entry.inference_stats
  return {
    name: entry.name,
    version: entry.version,
    last_inference: Number(entry.last_inference),
    inference_count: Number(entry.inference_count),
    execution_count: Number(entry.execution_count),
    inference_stats: {
      success: phase(counted?.success),
      fail: phase(counted?.fail),
      queue: phase(counted?.queue),
      compute_input: phase(counted?.compute_input),
      compute_infer: phase(counted?.compute_infer),
      compute_output: phase(counted?.compute_output),
      cache_hit: phase(counted?.cache_hit),
      cache_miss: phase(counted?.cache_miss)
    },
    batch_stats: entry.batch_stats.map((batch) => ({
      batch_size: Number(batch.batch_size),
      compute_input: phase(batch.compute_input),
      compute_infer: phase(batch.compute_infer),
      compute_output: phase(batch.compute_output)
    }))
  }
}

/** What is absent in JSON is empty here. @internal */
export const indexEntryOf = ({ name, reason, state, version }: TypeOf<typeof ModelIndex>): IndexEntry => ({
  name,
  ...(version === "" ? {} : { version }),
  ...(state === "" ? {} : { state: state as NonNullable<IndexEntry["state"]> }),
  ...(reason === "" ? {} : { reason })
})

const versionOf = (model: string, given: string | number | undefined) => {
  const { version } = versionParameter(given, model)
  return version === undefined ? {} : { version: { string_param: version } }
}

/** @internal */
export const loadRequest = (
  model: string,
  { config, files = {}, version }: LoadOptions
): DraftOf<typeof RepositoryModelLoadRequest> => ({
  model_name: model,
  parameters: {
    ...versionOf(model, version),
    ...(config === undefined ? {} : { config: { string_param: JSON.stringify(config) } }),
    ...Object.fromEntries(Object.entries(files).map(([path, content]) => [`file:${path}`, { bytes_param: content }]))
  }
})

/** @internal */
export const unloadRequest = (
  model: string,
  { unloadDependents = false, version }: UnloadOptions
): DraftOf<typeof RepositoryModelUnloadRequest> => ({
  model_name: model,
  parameters: { unload_dependents: { bool_param: unloadDependents }, ...versionOf(model, version) }
})

/** What the server says of tracing. @internal */
export const traceSettingOf = ({ settings }: TypeOf<typeof TraceSettingResponse>): TraceSetting =>
  TraceValues.toSetting(Object.fromEntries(Object.entries(settings).map(([name, { value }]) => [name, value])))

/** A change of what is traced; `""`: of all models. @internal */
export const traceRequest = (change: TraceChange, model_name: string): DraftOf<typeof TraceSettingRequest> => ({
  model_name,
  settings: Object.fromEntries(TraceValues.ofChange(change).map(([name, values]) => [name, { value: values ?? [] }]))
})

/** What the server says of its log. @internal */
export const logSettingOf = ({ settings }: TypeOf<typeof LogSettingsResponse>): LogSetting =>
  LogValues.toSetting(
    Object.fromEntries(
      Object.entries(settings).map(([name, { bool_param, string_param, uint32_param }]) => [
        name,
        bool_param ?? uint32_param ?? string_param
      ])
    )
  )

/** A change of what is written into the log. @internal */
export const logRequest = (change: LogChange): DraftOf<typeof LogSettingsRequest> => ({
  settings: Object.fromEntries(
    Object.entries(LogValues.ofChange(change)).map(([name, value]) => [
      name,
      typeof value === "boolean"
        ? { bool_param: value }
        : typeof value === "number"
        ? { uint32_param: value }
        : { string_param: value }
    ])
  )
})
