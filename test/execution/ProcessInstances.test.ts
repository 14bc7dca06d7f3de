import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import type { InstanceLost } from "../../src/schema/Errors.ts"
import { Executor } from "../../src/services/Executor.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { identityPlan, rows } from "../suites/executorSuite.ts"
import * as Children from "./Children.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-execution-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, "identity.onnx")
writeFileSync(path, Models.identity("FP32"))

const layer = OnnxExecutor.layerWith({ isolation: "process", heartbeatTimeout: "500 millis" }).pipe(
  Layer.provideMerge(SharedTensorMemory.layer)
)

describe("instances in processes", () => {
  for (const signal of ["SIGKILL", "SIGSEGV", "SIGSTOP"] as const) {
    it.live(`are lost alone, and come back, after ${signal}`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const before = Children.pids()
        const instances = yield* executor.open(identityPlan(path))
        const pid = Children.pids().find((pid) => !before.includes(pid))
        yield* Effect.scoped(Effect.gen(function*() {
          const lent = yield* instances.lend
          const answered = Deferred.makeUnsafe<Exit.Exit<unknown, unknown>>()
          process.kill(pid!, signal)
          lent.start([rows(2)], ["OUTPUT0"], (exit) => Deferred.doneUnsafe(answered, Exit.succeed(exit)))
          const exit = yield* Deferred.await(answered)
          assert.isTrue(Exit.isFailure(exit))
          const error = yield* Effect.flip(exit as Exit.Exit<never, InstanceLost>)
          assert.strictEqual(error._tag, "InstanceLost")
          assert.match(
            error.message,
            signal === "SIGSTOP" ? /no heartbeat for \d+ ms/ : new RegExp(`ended by ${signal}`)
          )
          yield* lent.lost
        }))
        const result = yield* instances.run([rows(3, 7)], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(3, 7).data)
        assert.notInclude(Children.pids(), pid)
      }).pipe(Effect.scoped, Effect.provide(layer)), 30_000)
  }
})
