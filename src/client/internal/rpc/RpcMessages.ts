/** An inference, and what a server tells about its models, as values of RPC. */
import type * as Rpc from "../../../schema/rpc/Infer.ts"
import type { ModelStatistics } from "../../../schema/rpc/Models.ts"
import type { Phase, VersionStatistics } from "../../Reports.ts"
import type { Bytes } from "../Elements.ts"
import type { WireRequest } from "../WireRequest.ts"
import type { WireResponse } from "../WireResponse.ts"

/** @internal */
export const toPayload = (request: WireRequest, leftMillis: number | undefined): Rpc.InferRequest => ({
  model: request.model,
  version: request.version,
  id: request.id,
  inputs: request.inputs,
  outputs: request.outputs,
  parameters: Object.fromEntries(request.parameters),
  priority: request.priority,
  timeoutMicros: request.queueTimeoutMicros,
  ...(leftMillis === undefined ? {} : { deadlineMicros: Math.max(1, Math.round(leftMillis * 1000)) }),
  ...(request.sequence === undefined ? {} : { sequence: request.sequence })
})

/** @internal */
export const fromValue = (
  { id, modelName, modelVersion, outputs, parameters = {} }: Rpc.InferResponse
): WireResponse => ({
  id,
  modelName,
  modelVersion,
  parameters,
  outputs: outputs.map(({ data, datatype, name, shape }) => ({ name, datatype, shape, data: data as Bytes }))
})

const phase = ({ count, nanos }: ModelStatistics["success"]): Phase => ({ count, ns: Number(nanos) })

/** @internal */
export const statisticsOf = (entry: ModelStatistics): VersionStatistics => ({
  name: entry.name,
  version: entry.version,
  last_inference: entry.lastInferenceMillis,
  inference_count: entry.inferenceCount,
  execution_count: entry.executionCount,
  inference_stats: {
    success: phase(entry.success),
    fail: phase(entry.fail),
    queue: phase(entry.queue),
    compute_input: phase(entry.computeInput),
    compute_infer: phase(entry.computeInfer),
    compute_output: phase(entry.computeOutput),
    cache_hit: phase(entry.cacheHit),
    cache_miss: phase(entry.cacheMiss)
  },
  batch_stats: entry.batches.map(({ batchSize, computeInferNanos, computeInputNanos, computeOutputNanos, count }) => ({
    batch_size: batchSize,
    compute_input: phase({ count, nanos: computeInputNanos }),
    compute_infer: phase({ count, nanos: computeInferNanos }),
    compute_output: phase({ count, nanos: computeOutputNanos })
  }))
})
