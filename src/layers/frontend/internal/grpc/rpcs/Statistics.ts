/** Statistics of models. Source: protocol §3.5, §7.3, §7.7. */
import { Result } from "effect"
import type { DraftOf } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/StatisticsFields.ts"
import type { ModelStatistics, Phase } from "../../../../../services/Statistics.ts"
import * as StatisticsLookup from "../../StatisticsLookup.ts"
import * as Visible from "../../Visible.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

/** @internal */
export const rpcs = ({ server }: Door) => {
  const statistics = StatisticsLookup.make(server.repository)
  return {
    ModelStatistics: unary({
      category: "statistics",
      request: Fields.ModelStatisticsRequest,
      response: Fields.ModelStatisticsResponse,
      model: ({ name }) => name === "" ? undefined : name,
      answer: ({ name, version }, call) => {
        const reply = (versions: ReadonlyArray<ModelStatistics>) =>
          call.reply({ model_stats: Visible.ofVersions(call.pass, versions).map(modelMessage) })
        if (name === "") return call.answerWith(statistics.all, reply)
        const found = statistics.ofModel(name, version)
        if (Result.isFailure(found)) call.failure(found.failure)
        else reply(found.success)
      }
    })
  }
}

const duration = (count: number, ns: bigint): DraftOf<typeof Fields.StatisticDuration> => ({ count: BigInt(count), ns })

const phase = ({ count, nanos }: Phase): DraftOf<typeof Fields.StatisticDuration> => duration(count, nanos)

const modelMessage = (statistics: ModelStatistics): DraftOf<typeof Fields.ModelStatistics> => {
  const counts = statistics.counts()
  return {
    name: statistics.model,
    version: String(statistics.version),
    last_inference: BigInt(counts.lastInferenceMillis),
    inference_count: BigInt(counts.inferenceCount),
    execution_count: BigInt(counts.executionCount),
    inference_stats: {
      success: phase(counts.success),
      fail: phase(counts.fail),
      queue: phase(counts.queue),
      compute_input: phase(counts.computeInput),
      compute_infer: phase(counts.computeInfer),
      compute_output: phase(counts.computeOutput),
      cache_hit: phase(counts.cacheHit),
      cache_miss: phase(counts.cacheMiss)
    },
    batch_stats: counts.batches.map((batch) => ({
      batch_size: BigInt(batch.batchSize),
      compute_input: duration(batch.count, batch.computeInputNanos),
      compute_infer: duration(batch.count, batch.computeInferNanos),
      compute_output: duration(batch.count, batch.computeOutputNanos)
    }))
  }
}
