import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import { ModelRepository, whenResident } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

const idleTime = Duration.seconds(10)

/** A repository of one model that leaves memory when nobody asks for it, and a way to ask and let it leave again. */
const open = Effect.gen(function*() {
  const root = yield* TemporaryRepository.make({ "m/1/model.onnx": Models.simple() })
  const log = FakeExecution.log()
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: [root],
      residency: {
        budgetBytes: 0,
        idleTime,
        maxWaiting: 10,
        maxWait: Duration.infinity,
        residentBytes: () => 0
      }
    }).pipe(Layer.provide(FakeExecution.layer(log)), Layer.provide(TemporaryRepository.platform))
  )
  const { lookup } = Context.get(context, ModelRepository)
  const comeAndGo = Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(whenResident(() => lookup("m", "")))
    const model = yield* Fiber.join(fiber)
    yield* TestClock.adjust(Duration.times(idleTime, 2))
    return model
  })
  return { root, log, comeAndGo }
})

const came = ["open m 1", "schedule m 1", "unschedule m 1", "close m 1"]

describe("KeptPreparation", () => {
  it.effect("looks into the model file once, however often the version comes and goes", () =>
    Effect.gen(function*() {
      const { comeAndGo, log } = yield* open
      for (let i = 0; i < 3; i++) yield* comeAndGo
      assert.deepStrictEqual(log.events, ["inspect first", "inspect m", ...came, ...came, ...came])
    }))

  it.effect("looks into it again when it is another file", () =>
    Effect.gen(function*() {
      const { comeAndGo, log, root } = yield* open
      assert.deepStrictEqual((yield* comeAndGo).config.input.map(({ dims }) => dims), [[16], [16]])
      yield* TemporaryRepository.write(root, { "m/1/model.onnx": Models.simple({ shape: ["batch", 4] }) })
      assert.deepStrictEqual((yield* comeAndGo).config.input.map(({ dims }) => dims), [[4], [4]])
      assert.deepStrictEqual(log.events, ["inspect first", "inspect m", ...came, "inspect m", ...came])
    }))
})
