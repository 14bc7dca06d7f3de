/** Sees the effect of every option of tracing on a started server. */
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { join } from "node:path"
import * as Models from "../../fixtures/onnx/Models.ts"
import { ids, read } from "../../telemetry/tracefile/Traces.ts"
import * as Child from "./Child.ts"
import type { Test } from "./GrpcOptions.ts"
import * as InProcess from "./InProcess.ts"

const inputs = ["INPUT0", "INPUT1"].map((name) => ({
  name,
  shape: [1, 16],
  datatype: "INT32",
  data: Array.from({ length: 16 }, (_, i) => i)
}))

const post = (url: string, body: unknown) => Child.ask(url, { method: "POST", body: JSON.stringify(body) })

/** Registers the tests. */
export const traceOptions = (test: Test): void => {
  describe("options of tracing", () => {
    const within = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)
    const serve = Effect.fnUntraced(function*(options: (folder: string) => ReadonlyArray<string>) {
      const folder = yield* Child.folder({
        models: {
          one: { 1: { "model.onnx": Models.simple() } },
          two: { 1: { "model.onnx": Models.simple() } }
        }
      })
      const server = yield* InProcess.serve([join(folder, "models"), ...options(folder)])
      return {
        file: join(folder, "trace.json"),
        err: server.err,
        setting: Effect.map(Child.ask(`${server.url}/v2/trace/setting`), ({ text }) => JSON.parse(text)),
        change: (model: string, change: unknown) => post(`${server.url}/v2/models/${model}/trace/setting`, change),
        send: (count: number) =>
          Effect.repeat(post(`${server.url}/v2/models/one/infer`, { inputs }), { times: count - 1 }),
        end: server.end
      }
    })

    test(
      "choose what is written into a file",
      ["trace-config"],
      within(Effect.gen(function*() {
        const server = yield* serve((folder) => [
          "--trace-config=level=TIMESTAMPS",
          "--trace-config=rate=2",
          `--trace-config=triton,file=${join(folder, "trace.json")}`
        ])
        yield* server.send(5)
        assert.strictEqual(yield* server.end, 0)
        assert.strictEqual(ids(read(server.file)).length, 2)
        assert.notInclude(server.err(), "trac")
      }))
    )

    test(
      "have older names",
      [
        "trace-file",
        "trace-level",
        "trace-rate",
        "trace-count",
        "trace-log-frequency"
      ],
      within(Effect.gen(function*() {
        const server = yield* serve((folder) => [
          `--trace-file=${join(folder, "trace.json")}`,
          "--trace-level=MIN",
          "--trace-rate=2",
          "--trace-count=3",
          "--trace-log-frequency=2"
        ])
        assert.deepStrictEqual(yield* server.setting, {
          trace_level: ["TIMESTAMPS"],
          trace_rate: "2",
          trace_count: "3",
          log_frequency: "2",
          trace_file: server.file,
          trace_mode: "triton"
        })
        yield* server.send(10)
        yield* server.end
        assert.deepStrictEqual([0, 1].map((i) => ids(read(`${server.file}.${i}`)).length), [2, 1])
        assert.notInclude(server.err(), "trace")
      }))
    )

    test(
      "bound what tracing takes",
      ["trace-file-max-pending-bytes", "trace-max-models"],
      within(
        Effect.gen(function*() {
          const server = yield* serve((folder) => [
            "--trace-config=level=TIMESTAMPS",
            "--trace-config=rate=1",
            `--trace-config=triton,file=${join(folder, "trace.json")}`,
            "--trace-file-max-pending-bytes=100",
            "--trace-max-models=1"
          ])
          assert.strictEqual((yield* server.change("two", { trace_rate: "5" })).status, 200)
          const refused = yield* server.change("one", { trace_rate: "5" })
          assert.strictEqual(refused.status, 400)
          assert.include(refused.text, "as many as --trace-max-models allows")
          yield* server.send(3)
          yield* server.end
          assert.include(server.err(), "3 traces and 0 tensors of others were left out")
        })
      )
    )
  })
}
