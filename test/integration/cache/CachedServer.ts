/** Servers in this process with one cached model, which adds 1 to 4 to its input. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import * as Server from "../../../src/layers/Server.ts"
import * as OptionsParser from "../../../src/schema/options/OptionsParser.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { infer } from "../../../src/services/InferenceServer.ts"
import { ResponseCache } from "../../../src/services/ResponseCache.ts"
import { Statistics } from "../../../src/services/Statistics.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { folder } from "../cli/Child.ts"

const { model, weights } = Models.externalData()

export const repository = (config = "max_batch_size: 8\n") =>
  folder({
    m: {
      "config.pbtxt": `${config}response_cache { enable: true }\n`,
      1: { "model.onnx": model, "weights.bin": weights }
    }
  })

/** Starts one, with a cache as on the command line. */
export const start = Effect.fnUntraced(function*(cacheConfig: ReadonlyArray<string>, root?: string) {
  const parsed = yield* Effect.fromResult(
    OptionsParser.parse(cacheConfig.map((setting) => `--cache-config=${setting}`), {})
  )
  assert.deepStrictEqual(parsed.warnings, [])
  const lines: Array<string> = []
  const context = yield* Layer.build(
    Server.layerInProcess({ modelRepository: [root ?? (yield* repository())], cacheConfig: parsed.options.cacheConfig })
  ).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
  const usage = () => Context.get(context, ResponseCache)!.usage()
  return {
    lines,
    usage,
    counts: () => Context.get(context, Statistics).all()[0]!.counts(),
    /** Asks with one number in four places, and looks at the answer. */
    ask: (value: number) =>
      Effect.scoped(Effect.gen(function*() {
        const { outputs } = yield* infer({
          model: "m",
          inputs: [Tensors.from("INPUT0", [1, 4], new Float32Array(4).fill(value))]
        })
        assert.deepStrictEqual([...Tensors.values(outputs[0]!, "FP32")], [1, 2, 3, 4].map((weight) => value + weight))
      })).pipe(Effect.provideContext(context))
  }
})

export type Started = Effect.Success<ReturnType<typeof start>>
