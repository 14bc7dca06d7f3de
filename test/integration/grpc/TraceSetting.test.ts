import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { codes } from "../../../src/schema/Codes.ts"
import { ModelNotReady } from "../../../src/schema/Errors.ts"
import { refused, type Sent, withSettings } from "../../suites/traceSettings.ts"
import { type Client, connect } from "./Client.ts"
import { ask, start } from "./Frontend.ts"

const request = (settings: Sent, model = "") => ({
  model_name: model,
  settings: Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      { value: value === null ? [] : typeof value === "string" ? [value] : value }
    ])
  )
})

/** The settings in force then, or the status and its text. */
const send = (client: Client, settings: Sent, model?: string) =>
  Effect.map(ask(client, "TraceSetting", request(settings, model)), (response) =>
    typeof response === "string"
      ? response
      : Object.entries(response.settings).map(([name, { value }]) => `${name}=${value.join("+")}`).toSorted().join(" "))

const setting = (level: string, rate: number, count: number, frequency: number) =>
  `log_frequency=${frequency} trace_count=${count} trace_file=t.json trace_level=${level} trace_mode=triton trace_rate=${rate}`

describe("trace settings over gRPC", () => {
  it.live("are read, and changed for all models or for one", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start().pipe(withSettings({ file: "t.json" }))
      const client = yield* connect(port)
      assert.strictEqual(yield* send(client, {}), setting("OFF", 1000, -1, 0))
      assert.strictEqual(
        yield* send(client, { trace_level: ["TENSORS", "TIMESTAMPS"], log_frequency: "7" }),
        setting("TIMESTAMPS+TENSORS", 1000, -1, 7)
      )
      assert.strictEqual(
        yield* send(client, { trace_rate: "2", trace_count: "5", trace_level: "OFF" }, "echo"),
        setting("OFF", 2, 5, 7)
      )
      assert.strictEqual(
        yield* send(client, { trace_count: null, trace_level: null }, "echo"),
        setting("TIMESTAMPS+TENSORS", 2, -1, 7)
      )
      assert.strictEqual(yield* send(client, {}), setting("TIMESTAMPS+TENSORS", 1000, -1, 7))
      assert.deepStrictEqual(held(), [0, 0, 0])
    }).pipe(Effect.scoped))

  it.live("show what was said of the mode opentelemetry instead of a file", () =>
    Effect.gen(function*() {
      const { port } = yield* start().pipe(
        withSettings({ mode: "opentelemetry", rate: 1, opentelemetry: [["url", "http://a"]] })
      )
      assert.strictEqual(
        yield* send(yield* connect(port), {}),
        "trace_count=-1 trace_level=OFF trace_mode=opentelemetry trace_rate=1 url=http://a"
      )
    }).pipe(Effect.scoped))

  it.live("are refused in Triton's words where they cannot be", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start().pipe(withSettings({ file: "t.json", level: ["TIMESTAMPS"] }))
      const client = yield* connect(port)
      for (const [settings, code, message] of refused(" ")) {
        assert.strictEqual(yield* send(client, settings), `${codes[code].grpc} ${message}`)
        assert.strictEqual(yield* send(client, settings, "echo"), `${codes[code].grpc} ${message}`)
      }
      const file = "12 trace file location can not be updated through network protocol"
      assert.strictEqual(yield* send(client, { trace_file: null }), file)
      for (const name of ["trace_rate", "trace_count", "log_frequency"]) {
        assert.strictEqual(yield* send(client, { [name]: ["1", "2"] }), `3 expect only 1 value for '${name}'`)
      }
      assert.strictEqual(yield* send(client, {}, "nope"), "5 Request for unknown model: 'nope' is not found")
      fake.failure = new ModelNotReady({ message: "Request for unknown model: 'echo' version 1 is not at ready state" })
      assert.strictEqual(yield* send(client, {}, "echo"), "3 Request for unknown model : echo")
      assert.strictEqual(yield* send(client, {}), setting("TIMESTAMPS", 1000, -1, 0))
    }).pipe(Effect.scoped))

  it.live("of a model that is not loaded any more can be read and cleared", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start().pipe(withSettings({ file: "t.json" }))
      const client = yield* connect(port)
      yield* send(client, { trace_rate: "7" }, "echo")
      fake.failure = new ModelNotReady({ message: "Request for unknown model: 'echo' version 1 is not at ready state" })
      assert.strictEqual(yield* send(client, {}, "echo"), setting("OFF", 7, -1, 0))
      assert.strictEqual(yield* send(client, { trace_rate: "8" }, "echo"), "3 Request for unknown model : echo")
      assert.strictEqual(yield* send(client, { trace_rate: null }, "echo"), setting("OFF", 1000, -1, 0))
      assert.strictEqual(yield* send(client, {}, "echo"), "3 Request for unknown model : echo")
    }).pipe(Effect.scoped))
})
