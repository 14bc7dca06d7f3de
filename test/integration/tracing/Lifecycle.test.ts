/** Spans of versions that come and go. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Models from "../../fixtures/onnx/Models.ts"
import { attributesOf, endingOf, parentOf, type RecordedSpan } from "../../telemetry/spans/Recorded.ts"
import { folder } from "../cli/Child.ts"
import { eventually } from "../http/Wire.ts"
import { start } from "./Traced.ts"

const version = (model: string, number = 1) => ({ "galatea.model.name": model, "galatea.model.version": number })

/** Names of the spans above one, from the innermost. */
const above = (span: RecordedSpan, all: ReadonlyArray<RecordedSpan>): ReadonlyArray<string> => {
  const found = all.find(({ spanId }) => spanId === parentOf(span))
  return found === undefined ? [] : [found.name, ...above(found, all)]
}

describe("a version", () => {
  it.live("is loaded and warmed up within spans that say which one it is", () =>
    Effect.gen(function*() {
      const { started } = yield* start(["warm", "chain"])
      const loads = started.filter(({ name }) => name === "model.load")
      assert.deepStrictEqual(loads.map(attributesOf), [version("warm"), version("direct"), version("chain")])
      assert.deepStrictEqual(loads.map(endingOf), ["ok", "ok", "ok"])
      const warmups = started.filter(({ name }) => name === "model.warmup")
      assert.deepStrictEqual(warmups.map(attributesOf), [version("warm")])
      assert.include(above(warmups[0]!, started), "model.load")
    }))

  it.live("that fails to load says why, and one that is unloaded has a span until it is closed", () =>
    Effect.gen(function*() {
      const { ask, one, server, tracer } = yield* start(["direct"])
      const { repository } = server
      const failing = repository.load("direct", {
        config: JSON.stringify({ max_batch_size: 4, input: [{ name: "INPUT0", data_type: "TYPE_FP32", dims: [16] }] })
      })
      const failure = yield* Effect.flip(Effect.withTracer(failing, tracer))
      const load = one("model.load")
      assert.include(failure.message, (endingOf(load) as Error).message)
      assert.deepStrictEqual(attributesOf(load), version("direct"))
      yield* ask({ model: "direct" })
      yield* Effect.withTracer(repository.unload("direct"), tracer)
      yield* eventually(() => endingOf(one("model.unload")), (ending) => ending === "ok")
      assert.deepStrictEqual(attributesOf(one("model.unload")), version("direct"))
    }))

  it.live("that comes with a poll has spans below that of the poll; a poll that finds nothing new has none", () =>
    Effect.gen(function*() {
      const root = yield* folder({
        m: { "config.pbtxt": "max_batch_size: 4 version_policy { all {} }", 1: { "model.onnx": Models.simple() } }
      })
      const { one, server, spans, started } = yield* start([], {
        modelRepository: [root],
        modelControlMode: "poll",
        repositoryPollSecs: 1
      })
      assert.strictEqual(started.filter(({ name }) => name === "model.load").length, 1)
      mkdirSync(join(root, "m", "2"))
      writeFileSync(join(root, "m", "2", "model.onnx"), Models.simple())
      yield* eventually(() => Result.isSuccess(server.model("m", "2")), (found) => found)
      assert.deepStrictEqual(attributesOf(one("model.load")), version("m", 2))
      assert.include(above(one("model.load"), spans), "FileModelRepository.poll")
      // Nothing that looks for changes is among them.
      assert.deepStrictEqual(
        spans.filter((span) => parentOf(span) === undefined).map(({ name }) => name),
        ["FileModelRepository.poll"]
      )
    }))
})
