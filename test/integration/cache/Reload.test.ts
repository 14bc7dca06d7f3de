/** What the cache of a started server answers after its model has changed, and what it tells about itself. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { renameSync, writeFileSync } from "node:fs"
import * as MemoryModelRepository from "../../../src/layers/repository/MemoryModelRepository.ts"
import * as Server from "../../../src/layers/Server.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { infer } from "../../../src/services/InferenceServer.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"
import { ResponseCache } from "../../../src/services/ResponseCache.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import * as Exposition from "../Exposition.ts"
import * as CachedServer from "./CachedServer.ts"

const { model, weights } = Models.externalData()

describe("a version loaded again", () => {
  it.live("is never answered for by what other contents have answered", () =>
    Effect.gen(function*() {
      const folder = yield* Child.folder({ "model.onnx": model, "weights.bin": weights })
      const context = yield* Layer.build(Server.layerInProcess({
        cacheConfig: [{ scope: "local", key: "size", value: "1000000" }]
      }, {
        repository: MemoryModelRepository.layerFromFiles({
          models: [{ name: "m", path: `${folder}/model.onnx`, config: { response_cache: { enable: true } } }]
        })
      }))
      const ask = Effect.scoped(Effect.gen(function*() {
        const { outputs } = yield* infer({
          model: "m",
          inputs: [Tensors.from("INPUT0", [1, 4], new Float32Array(4))]
        })
        return [...Tensors.values(outputs[0]!, "FP32")]
      })).pipe(Effect.provideContext(context))
      const hits = () => Context.get(context, ResponseCache)!.usage().local!.hits
      const { load } = Context.get(context, ModelRepository)

      assert.deepStrictEqual(yield* ask, [1, 2, 3, 4])
      assert.deepStrictEqual(yield* ask, [1, 2, 3, 4])
      assert.strictEqual(hits(), 1)
      yield* load("m")
      assert.deepStrictEqual(yield* ask, [1, 2, 3, 4])
      assert.strictEqual(hits(), 2, "the same contents answer as before")

      // As an update should: in one step, so that whoever still reads the old file keeps it.
      writeFileSync(`${folder}/new`, new Uint8Array(Float32Array.of(5, 6, 7, 8).buffer))
      renameSync(`${folder}/new`, `${folder}/weights.bin`)
      yield* load("m")
      assert.deepStrictEqual(yield* ask, [5, 6, 7, 8])
      assert.strictEqual(hits(), 2)
    }))
})

describe("the metrics of a cached model", () => {
  it.live("add up with its statistics", () =>
    Effect.gen(function*() {
      const server = yield* Child.serve([
        yield* CachedServer.repository(),
        "--cache-config=local,size=1048576",
        "--metrics-config=summary_latencies=true"
      ])
      const ask = (value: number) =>
        Child.ask(`${server.url}/v2/models/m/infer`, {
          method: "POST",
          body: JSON.stringify({
            inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "FP32", data: [value, 0, 0, 0] }]
          })
        })
      for (const value of [1, 2, 1, 1]) assert.strictEqual((yield* ask(value)).status, 200)
      const [stats] = JSON.parse((yield* Child.ask(`${server.url}/v2/models/m/stats`)).text).model_stats
      const { cache_hit: hit, cache_miss: miss, compute_infer: infer, queue, success } = stats.inference_stats
      assert.deepStrictEqual([success, queue, infer, hit, miss].map(({ count }) => count), [4, 4, 2, 2, 2])
      assert.deepStrictEqual([stats.inference_count, stats.execution_count], [2, 2])
      for (const { ns } of [hit, miss]) assert.isAbove(ns, 0)
      assert.isAtLeast(success.ns, hit.ns + miss.ns)

      const families = Exposition.parse((yield* Child.ask(/metrics at (\S+)/.exec(server.out())![1]!)).text)
      const of = (name: string) => Exposition.value(families, name, { model: "m" })
      assert.strictEqual(of("nv_inference_request_success"), 4)
      assert.strictEqual(of("nv_cache_num_hits_per_model"), 2)
      assert.strictEqual(of("nv_cache_num_misses_per_model"), 2)
      for (const [name, { ns }] of [["hit", hit], ["miss", miss]] as const) {
        assert.approximately(of(`nv_cache_${name}_duration_per_model`), ns / 1000, 3)
        assert.strictEqual(of(`nv_cache_${name}_summary_per_model_count`), 2)
      }
      assert.isFalse(families.has("nv_inference_request_summary_us"))
      const whole = (name: string) => Exposition.value(families, name, {})
      assert.deepStrictEqual(
        ["entries", "lookups", "hits", "misses", "evictions"].map((what) => whole(`nv_cache_num_${what}`)),
        [2, 4, 2, 2, 0]
      )
      assert.approximately(whole("nv_cache_util"), whole("galatea_cache_used_bytes") / 1_048_576, 1e-9)
    }))
})
