import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as LookThread from "../../../src/layers/execution/internal/look/LookThread.ts"
import { LoadFailed } from "../../../src/schema/Errors.ts"

/** Says as what number of looks it sees a model; ends, or throws, at paths that say so. */
const worker = new URL(
  `data:text/javascript,${
    encodeURIComponent(`
      import { parentPort } from "node:worker_threads"
      let looks = 0
      parentPort.on("message", (task) => {
        if (task === 0) return parentPort.close()
        if (task.path === "exit") process.exit(3)
        if (task.path === "throw") throw new Error("a bug in the worker")
        if (task.path === "refuse") return parentPort.postMessage({ _tag: "Refused", reason: "no model " })
        parentPort.postMessage({ _tag: "Seen", inputs: [{ name: String(++looks) }], outputs: [] })
      })
    `)
  }`
)

const refuse = (message: string) => new LoadFailed({ model: "m", code: "INTERNAL", message })

const make = Effect.gen(function*() {
  const looks = yield* LookThread.make({ worker, heapMegabytes: 64, idleMillis: 60_000 })
  return (path: string) =>
    Effect.map(looks.ask({ _tag: "Look", path, settings: {} }, "Seen", refuse), ({ inputs }) => inputs[0]!.name)
})

describe("LookThread", () => {
  it.live("has one thread for all looks, one after the other", () =>
    Effect.gen(function*() {
      const look = yield* make
      const seen = yield* Effect.forEach(["a", "b", "c"], look, { concurrency: "unbounded" })
      assert.deepStrictEqual(seen, ["1", "2", "3"])
    }).pipe(Effect.scoped))

  for (
    const [path, words] of [
      ["exit", "its worker ended with code 3 before it was open"],
      ["throw", "its worker failed: a bug in the worker"]
    ] as const
  ) {
    it.live(`starts another thread after one that has ended: ${path}`, () =>
      Effect.gen(function*() {
        const look = yield* make
        assert.strictEqual(yield* look("a"), "1")
        const others = yield* Effect.forkChild(Effect.all([Effect.flip(look(path)), look("b"), look("c")], {
          concurrency: "unbounded"
        }))
        const [failure, ...seen] = yield* Fiber.join(others)
        assert.strictEqual(failure.message, words)
        assert.deepStrictEqual(seen, ["1", "2"])
      }).pipe(Effect.scoped))
  }

  it.live("repeats what the runtime says of a model, and goes on with the next", () =>
    Effect.gen(function*() {
      const look = yield* make
      assert.strictEqual((yield* Effect.flip(look("refuse"))).message, "onnx runtime error: no model")
      assert.strictEqual(yield* look("a"), "1")
    }).pipe(Effect.scoped))
})
