import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import { LossBook } from "../../src/layers/execution/internal/LossBook.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import { ModelRepository, whenResident } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

/** A model in explicit mode, whose instances were lost twice; `state` says whether the breaker is open. */
const open = Effect.fnUntraced(function*(
  state: { live: number; pausedUntilNanos: bigint | undefined },
  options: Partial<FileModelRepository.Options> = {}
) {
  const log = FakeExecution.log()
  const book = new LossBook()
  book.lost(0, "ended", "first", 1n)
  book.lost(0, "ended", "its process was ended by SIGSEGV: last words", 2n)
  const condition = () =>
    book.condition({ ...state, memoryBytes: new Map(), placed: { inline: 0, thread: 0, process: 0 }, moved: 0 })
  const root = yield* TemporaryRepository.make({ "m/1/model.onnx": Models.simple() })
  const context = yield* Layer.build(
    FileModelRepository.layer({ paths: [root], controlMode: "explicit", loadModels: ["m"], ...options }).pipe(
      Layer.provide([FakeExecution.layer(log, { condition }), TemporaryRepository.platform])
    )
  )
  return { log, repository: Context.get(context, ModelRepository) }
})

const opened = ({ events }: FakeExecution.Log) => events.filter((event) => event === "open m 1").length

describe("a version whose instances are not started for a while", () => {
  it.effect("is unavailable in the index, with the last words, where none is up", () =>
    Effect.gen(function*() {
      const state = { live: 0, pausedUntilNanos: 5n as bigint | undefined }
      const { repository } = yield* open(state)
      assert.deepStrictEqual(yield* repository.index, [{
        name: "m",
        version: "1",
        state: "UNAVAILABLE",
        reason:
          "no more instances are started for now, after 2 losses; the last was: its process was ended by SIGSEGV: " +
          "last words"
      }])
      state.pausedUntilNanos = undefined
      assert.deepStrictEqual(yield* repository.index, [{ name: "m", version: "1", state: "READY" }])
    }).pipe(Effect.scoped))

  it.effect("is ready, and says so all the same, where one is up", () =>
    Effect.gen(function*() {
      const { repository } = yield* open({ live: 1, pausedUntilNanos: 5n })
      const [row] = yield* repository.index
      assert.strictEqual(row!.state, "READY")
      assert.match(row!.reason!, /^1 of its instances serve; no more .* last words$/)
    }).pipe(Effect.scoped))

  it.effect("is opened again by a load, which does nothing otherwise", () =>
    Effect.gen(function*() {
      const state = { live: 0, pausedUntilNanos: undefined as bigint | undefined }
      const { log, repository } = yield* open(state)
      yield* repository.load("m")
      assert.strictEqual(opened(log), 1)
      state.pausedUntilNanos = 5n
      yield* repository.load("m")
      assert.strictEqual(opened(log), 2)
    }).pipe(Effect.scoped))

  it.effect("is opened again by a load where it loads when it is asked for, and in memory only", () =>
    Effect.gen(function*() {
      const state = { live: 0, pausedUntilNanos: undefined as bigint | undefined }
      const { log, repository } = yield* open(state, {
        residency: {
          budgetBytes: 0,
          idleTime: Duration.infinity,
          maxWaiting: 4,
          maxWait: Duration.infinity,
          residentBytes: () => 0
        }
      })
      state.pausedUntilNanos = 5n
      yield* whenResident(() => repository.lookup("m", ""))
      assert.strictEqual(opened(log), 1)
      const [row] = yield* repository.index
      assert.deepStrictEqual([row!.state, row!.reason!.slice(0, 25)], ["UNAVAILABLE", "no more instances are sta"])
      yield* repository.load("m")
      assert.strictEqual(opened(log), 2)
      state.pausedUntilNanos = undefined
      yield* repository.load("m")
      assert.strictEqual(opened(log), 2)
      state.pausedUntilNanos = 5n
      yield* repository.unload("m")
      yield* repository.load("m")
      assert.strictEqual(opened(log), 3)
    }).pipe(Effect.scoped))
})
