import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LogControl from "../../../src/layers/cli/internal/log/LogControl.ts"
import * as ServerOptions from "../../../src/schema/ServerOptions.ts"
import { LogSettings } from "../../../src/services/LogSettings.ts"
import { ask, start } from "./Wire.ts"

const initial =
  "{\"log_file\":\"\",\"log_info\":true,\"log_warning\":true,\"log_error\":true,\"log_verbose_level\":0," +
  "\"log_format\":\"default\"}"

/** A front end before a log whose settings can be changed. */
const started = Effect.gen(function*() {
  const settings = LogControl.make(ServerOptions.make())
  const { held, port } = yield* Effect.provideService(start(), LogSettings, settings)
  const said = (body?: string) =>
    Effect.map(
      ask(port, "/v2/logging", body === undefined ? {} : { method: "POST", body }),
      ({ headers, status, text }) => {
        assert.strictEqual(headers["content-type"], "application/json")
        return [status, text]
      }
    )
  return { settings, held, said, port }
})

describe("log settings over HTTP", () => {
  it.live("are told in Triton's order, and change as far as they are named", () =>
    Effect.gen(function*() {
      const { held, said, settings } = yield* started
      assert.deepStrictEqual(yield* said(), [200, initial])
      assert.deepStrictEqual(yield* said("{}"), [200, initial])
      assert.deepStrictEqual(
        yield* said("{\"log_info\":null,\"log_file\":null,\"log_format\":null,\"log_verbose_level\":null,\"other\":1}"),
        [200, initial]
      )
      assert.deepStrictEqual(
        yield* said("{\"log_format\":\"ISO8601\",\"log_verbose_level\":2,\"log_error\":false,\"log_warning\":false}"),
        [
          200,
          "{\"log_file\":\"\",\"log_info\":true,\"log_warning\":false,\"log_error\":false,\"log_verbose_level\":2," +
          "\"log_format\":\"ISO8601\"}"
        ]
      )
      assert.deepStrictEqual(settings.current(), {
        file: "",
        info: true,
        warning: false,
        error: false,
        verboseLevel: 2,
        format: "ISO8601"
      })
      assert.strictEqual(Atomics.load(settings.verbosity!, 0), 2)
      for (const format of ["json", "pretty", "default"]) {
        assert.strictEqual((yield* said(`{"log_format":"${format}"}`))[0], 200)
        assert.strictEqual(settings.current().format, format)
      }
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("say what is wrong with a change", () =>
    Effect.gen(function*() {
      const { held, port, said } = yield* started
      const error = (text: string) => JSON.stringify({ error: text })
      const cases: ReadonlyArray<readonly [body: string, status: number, text: string]> = [
        ["{\"log_file\":\"/x\"}", 501, "log file location can not be updated through network protocol"],
        ["{\"log_file\":\"\"}", 501, "log file location can not be updated through network protocol"],
        ["{\"log_info\":\"true\"}", 500, "attempt to access JSON non-boolean as boolean"],
        ["{\"log_warning\":1}", 500, "attempt to access JSON non-boolean as boolean"],
        ["{\"log_error\":[]}", 500, "attempt to access JSON non-boolean as boolean"],
        ["{\"log_verbose_level\":-1}", 500, "attempt to access JSON non-unsigned-integer as unsigned-integer"],
        ["{\"log_verbose_level\":true}", 500, "attempt to access JSON non-unsigned-integer as unsigned-integer"],
        [
          "{\"log_verbose_level\":4294967295}",
          400,
          "invalid value for log_verbose_level: expected a whole number from 0 to 2147483647, got: 4294967295"
        ],
        ["{\"log_format\":5}", 500, "attempt to access JSON non-string as string"],
        ["{\"log_format\":\"iso8601\"}", 503, "invalid argument for --log_format, got: iso8601"],
        ["[]", 400, "attempt to get members for non-object"]
      ]
      for (const [body, status, text] of cases) assert.deepStrictEqual(yield* said(body), [status, error(text)], body)
      for (const body of ["", "{", "{\"log_info\":tru}"]) {
        const [status, text] = yield* said(body)
        assert.strictEqual(status, 500, body)
        assert.match(String(text), /^\{"error":"failed to parse the request JSON buffer: /, body)
      }
      assert.deepStrictEqual(yield* said(), [200, initial])
      assert.strictEqual((yield* ask(port, "/v2/logging", { method: "PUT" })).status, 405)
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("keep what stands before a mistake", () =>
    Effect.gen(function*() {
      const { said, settings } = yield* started
      yield* said("{\"log_format\":\"x\",\"log_info\":false,\"log_verbose_level\":1}")
      assert.deepInclude(settings.current(), { info: false, verboseLevel: 1, format: "default" })
      yield* said("{\"log_warning\":false,\"log_error\":0,\"log_verbose_level\":7}")
      assert.deepInclude(settings.current(), { warning: false, error: true, verboseLevel: 1 })
    }))

  it.live("belong to the program that the server is part of, unless it gives them away", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      assert.strictEqual((yield* ask(port, "/v2/logging")).text, initial)
      const { status, text } = yield* ask(port, "/v2/logging", { method: "POST", body: "{\"log_info\":false}" })
      assert.strictEqual(status, 501)
      assert.include(text, "the log belongs to the program that this server is part of")
    }))

  it.live("can be restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["logging"], header: "key", value: "k" }] })
      assert.strictEqual((yield* ask(port, "/v2/logging")).status, 403)
      assert.strictEqual((yield* ask(port, "/v2/logging", { headers: { key: "k" } })).status, 200)
    }))
})
