/** `galatea top` against a running server. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "./Child.ts"

const body = JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({
    name,
    shape: [2, 16],
    datatype: "INT32",
    data: Array.from({ length: 32 }, (_, i) => i)
  }))
})

describe("galatea top", () => {
  it.live("shows what the models of a server do, and says where there are no metrics", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({
        simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
      })
      const server = yield* Child.serve([models])
      const metrics = /metrics at (\S+)/.exec(server.out())![1]!
      const infer = Child.ask(`${server.url}/v2/models/simple/infer`, { method: "POST", body })
      const traffic = yield* Effect.forkChild(Effect.forever(infer))
      yield* infer
      const { code, err, out } = yield* Child.run([
        "top",
        `--url=${server.url}`,
        `--metrics-url=${metrics}`,
        "--once",
        "--interval=1"
      ])
      yield* Fiber.interrupt(traffic)
      assert.deepStrictEqual([code, err], [0, ""])
      const [, header, row] = out.split("\n")
      const cells = row!.split(/ +/)
      const cell = (title: string) => cells[header!.split(/ +/).findIndex((one) => one.startsWith(title))]!
      assert.deepStrictEqual([cell("MODEL"), cell("VER"), cell("STATE")], ["simple", "1", "ready"])
      assert.isAbove(Number.parseFloat(cell("REQ/S")), 0)
      assert.match(cell("P99"), /^[\d.]+(?:µs|ms|s)$/)
      assert.deepStrictEqual([cell("BATCH"), cell("FULL"), cell("ERR/S")], ["2.0", "25%", "0"])
      assert.match(cell("INST"), /^[012]\/\d$/)
      const missing = yield* Child.run(["top", `--url=${server.url}`, `--metrics-url=${server.url}/metrics`, "--once"])
      assert.deepStrictEqual([missing.code, missing.out], [1, ""])
      assert.match(missing.err, /^galatea top: http:\S+\/metrics answered 404\. Metrics are on a port of their own/)
    })))
})
