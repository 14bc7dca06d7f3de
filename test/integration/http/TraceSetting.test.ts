import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { codes } from "../../../src/schema/Codes.ts"
import { ModelNotReady } from "../../../src/schema/Errors.ts"
import { refused, withSettings } from "../../suites/traceSettings.ts"
import { ask, start } from "./Wire.ts"

const all = "/v2/trace/setting"
const ofModel = (name: string) => `/v2/models/${name}/trace/setting`

const said = ({ status, text }: { readonly status: number; readonly text: string }) => `${status} ${text}`
const read = (port: number, path: string) => Effect.map(ask(port, path), said)
const send = (port: number, path: string, body: unknown) =>
  Effect.map(ask(port, path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }), said)

const setting = (level: ReadonlyArray<string>, rate: number, count: number, frequency: number) =>
  `200 {"trace_level":${JSON.stringify(level)},"trace_rate":"${rate}","trace_count":"${count}",` +
  `"log_frequency":"${frequency}","trace_file":"t\\"race.json","trace_mode":"triton"}`

const triton = () => withSettings({ file: "t\"race.json" })

describe("trace settings over HTTP", () => {
  it.live("are read, and changed for all models or for one", () =>
    Effect.gen(function*() {
      const { held, port } = yield* triton()(start())
      assert.strictEqual(yield* read(port, all), setting(["OFF"], 1000, -1, 0))
      assert.strictEqual(
        yield* send(port, all, { trace_level: ["TIMESTAMPS", "TENSORS"], trace_rate: "5", log_frequency: " +7" }),
        setting(["TIMESTAMPS", "TENSORS"], 5, -1, 7)
      )
      assert.strictEqual(
        yield* send(port, ofModel("echo"), { trace_count: "3", trace_rate: "2", other: 1 }),
        setting(["TIMESTAMPS", "TENSORS"], 2, 3, 7)
      )
      assert.strictEqual(yield* read(port, ofModel("a%20b%2Fc")), setting(["TIMESTAMPS", "TENSORS"], 5, -1, 7))
      assert.strictEqual(
        yield* send(port, ofModel("echo"), { trace_count: null, trace_level: null }),
        setting(["TIMESTAMPS", "TENSORS"], 2, -1, 7)
      )
      assert.strictEqual(
        yield* send(port, all, { trace_level: ["TENSOR", "MIN"], trace_rate: null }),
        setting(["TIMESTAMPS", "TENSORS"], 1000, -1, 7)
      )
      assert.strictEqual(yield* send(port, all, "{}"), setting(["TIMESTAMPS", "TENSORS"], 1000, -1, 7))
      assert.strictEqual(yield* read(port, ofModel("echo")), setting(["TIMESTAMPS", "TENSORS"], 2, -1, 7))
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("show what was said of the mode opentelemetry instead of a file", () =>
    Effect.gen(function*() {
      const { port } = yield* start().pipe(withSettings({
        mode: "opentelemetry",
        level: ["TIMESTAMPS"],
        rate: 1,
        opentelemetry: [["url", "http://a"], ["resource", "service.name=x"], ["bsp_max_queue_size", "9"]]
      }))
      assert.strictEqual(
        yield* read(port, all),
        "200 {\"trace_level\":[\"TIMESTAMPS\"],\"trace_rate\":\"1\",\"trace_count\":\"-1\",\"trace_mode\":\"opentelemetry\"," +
          "\"url\":\"http://a\",\"resource\":\"service.name=x\",\"bsp_max_queue_size\":\"9\"}"
      )
    }))

  it.live("are refused in Triton's words where they cannot be, and nothing of them is kept", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start().pipe(withSettings({ file: "f", level: ["TIMESTAMPS"] }))
      const before = yield* read(port, all)
      for (const path of [all, ofModel("echo")]) {
        for (const [body, code, message] of refused("")) {
          const sent = { ...(body["trace_rate"] === undefined ? { trace_rate: "9" } : {}), ...body }
          assert.strictEqual(
            yield* send(port, path, sent),
            `${codes[code].http} ${JSON.stringify({ error: message })}`,
            JSON.stringify(body)
          )
        }
        assert.strictEqual(
          yield* send(port, path, { trace_file: null }),
          "501 {\"error\":\"trace file location can not be updated through network protocol\"}"
        )
        for (
          const [body, answer] of [
            ["{\"trace_rate\":5}", "500 {\"error\":\"attempt to access JSON non-string as string\"}"],
            ["{\"trace_level\":\"TENSORS\"}", "500 {\"error\":\"attempt to access JSON non-array as array\"}"],
            ["{\"trace_level\":[1]}", "500 {\"error\":\"attempt to access JSON non-string as string\"}"],
            ["[]", "400 {\"error\":\"attempt to get members for non-object\"}"]
          ] as const
        ) {
          assert.strictEqual(yield* send(port, path, body), answer, body)
        }
        for (const body of ["", "{\"trace_rate\":", "nonsense"]) {
          assert.match(yield* send(port, path, body), /^500 \{"error":"failed to parse the request JSON buffer: /, body)
        }
        assert.strictEqual(yield* read(port, path), before)
      }
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("without a file cannot be turned on", () =>
    Effect.gen(function*() {
      const { port } = yield* withSettings({})(start())
      assert.strictEqual(
        yield* send(port, all, { trace_level: ["TIMESTAMPS"] }),
        "400 {\"error\":\"Attempting to set invalid trace setting :trace file name is not given\"}"
      )
    }))

  it.live("are those of models that are ready", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* triton()(start())
      for (const path of [ofModel("nope"), `${ofModel("nope")}?x=1`]) {
        const unknown = "404 {\"error\":\"Request for unknown model: 'nope' is not found\"}"
        assert.strictEqual(yield* read(port, path), unknown)
        assert.strictEqual(yield* send(port, path, "nonsense"), unknown)
      }
      fake.failure = new ModelNotReady({ message: "Request for unknown model: 'echo' version 1 is not at ready state" })
      assert.strictEqual(yield* read(port, ofModel("echo")), "400 {\"error\":\"Request for unknown model : echo\"}")
      assert.strictEqual(Result.isFailure(fake.repository.lookup("echo", "")), true)
    }))

  it.live("of a model that is not loaded any more can be read and cleared, and then make room for others", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* triton()(start())
      yield* send(port, ofModel("echo"), { trace_rate: "7" })
      fake.failure = new ModelNotReady({ message: "Request for unknown model: 'echo' version 1 is not at ready state" })
      const unknown = "400 {\"error\":\"Request for unknown model : echo\"}"
      assert.strictEqual(yield* read(port, ofModel("echo")), setting(["OFF"], 7, -1, 0))
      assert.strictEqual(yield* send(port, ofModel("echo"), { trace_rate: "8" }), unknown)
      assert.strictEqual(yield* send(port, ofModel("echo"), { trace_rate: null, trace_count: "8" }), unknown)
      assert.strictEqual(yield* send(port, ofModel("echo"), { trace_rate: null }), setting(["OFF"], 1000, -1, 0))
      assert.strictEqual(yield* read(port, ofModel("echo")), unknown)
      assert.strictEqual(yield* send(port, ofModel("echo"), { trace_rate: null }), unknown)
    }))

  it.live("take GET and POST alone, and can be restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* triton()(start({ restrictions: [{ categories: ["trace"], header: "key", value: "s" }] }))
      assert.strictEqual((yield* ask(port, all)).status, 403)
      const headers = { key: "s" }
      assert.strictEqual((yield* ask(port, all, { headers })).status, 200)
      assert.strictEqual((yield* ask(port, all, { method: "PUT", headers })).status, 405)
      assert.strictEqual((yield* ask(port, "/v2/models/echo/versions/1/trace/setting", { headers })).status, 404)
    }))

  it.live("of a program without tracing say so", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      assert.match(yield* read(port, all), /^200 \{"trace_level":\["OFF"\],/)
      assert.strictEqual(
        yield* send(port, all, { trace_rate: "1" }),
        "501 {\"error\":\"this server has no tracing: the program that it is part of has not provided any\"}"
      )
    }))
})
