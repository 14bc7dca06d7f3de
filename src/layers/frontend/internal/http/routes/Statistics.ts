/** Statistics of models. Source: protocol §3.5, scheduling §8. */
import { Result } from "effect"
import type { BatchSize, ModelStatistics, Phase } from "../../../../../services/Statistics.ts"
import * as StatisticsLookup from "../../StatisticsLookup.ts"
import * as Visible from "../../Visible.ts"
import { quote } from "../Answer.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

const common = { category: "statistics", contentType: "application/json" } as const

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => {
  const statistics = StatisticsLookup.make(server.repository)
  return [
    {
      ...common,
      path: "/v2/models/stats",
      get: (call) =>
        call.answerWith(statistics.all, (versions) => answer(call, Visible.ofVersions(call.pass, versions)))
    },
    {
      ...common,
      path: "/v2/models/{model}[/versions/{version}]/stats",
      get: (call) => {
        const found = statistics.ofModel(call.captures.model, call.captures.version)
        if (Result.isFailure(found)) call.failure(found.failure)
        else answer(call, found.success)
      }
    }
  ]
}

const answer = (call: Call, versions: ReadonlyArray<ModelStatistics>): void =>
  call.text("application/json", `{"model_stats":[${versions.map(modelJson).join(",")}]}`)

/** Written by hand: the sums are integers of 64 bits. */
const phaseJson = (name: string, { count, nanos }: Phase): string => `"${name}":{"count":${count},"ns":${nanos}}`

const batchJson = (batch: BatchSize): string =>
  `{"batch_size":${batch.batchSize},` +
  `${phaseJson("compute_input", { count: batch.count, nanos: batch.computeInputNanos })},` +
  `${phaseJson("compute_infer", { count: batch.count, nanos: batch.computeInferNanos })},` +
  `${phaseJson("compute_output", { count: batch.count, nanos: batch.computeOutputNanos })}}`

const modelJson = (statistics: ModelStatistics): string => {
  const counts = statistics.counts()
  return `{"name":${quote(statistics.model)},"version":"${statistics.version}",` +
    `"last_inference":${counts.lastInferenceMillis},"inference_count":${counts.inferenceCount},` +
    `"execution_count":${counts.executionCount},"inference_stats":{${phaseJson("success", counts.success)},` +
    `${phaseJson("fail", counts.fail)},${phaseJson("queue", counts.queue)},` +
    `${phaseJson("compute_input", counts.computeInput)},${phaseJson("compute_infer", counts.computeInfer)},` +
    `${phaseJson("compute_output", counts.computeOutput)},${phaseJson("cache_hit", counts.cacheHit)},` +
    `${phaseJson("cache_miss", counts.cacheMiss)}},"response_stats":{},` +
    `"batch_stats":[${counts.batches.map(batchJson).join(",")}],"memory_usage":[]}`
}
