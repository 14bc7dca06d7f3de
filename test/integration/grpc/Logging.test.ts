import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LogControl from "../../../src/layers/cli/internal/log/LogControl.ts"
import * as ServerOptions from "../../../src/schema/ServerOptions.ts"
import { LogSettings } from "../../../src/services/LogSettings.ts"
import { connect } from "./Client.ts"
import { ask, start } from "./Frontend.ts"

type Settings = NonNullable<Parameters<typeof ask<"LogSettings">>[2]>["settings"]

/** The value that is there, of each setting. */
const plain = (answer: Effect.Success<ReturnType<typeof ask<"LogSettings">>>) =>
  typeof answer === "string" ? answer : Object.fromEntries(
    Object.entries(answer.settings).map(([name, value]) => [
      name,
      value.bool_param ?? value.uint32_param ?? value.string_param
    ])
  )

const started = Effect.gen(function*() {
  const settings = LogControl.make(ServerOptions.make({ logFile: "/var/log/galatea" }))
  const { port } = yield* Effect.provideService(start(), LogSettings, settings)
  const client = yield* connect(port)
  return {
    settings,
    said: (changes: Settings = {}) => Effect.map(ask(client, "LogSettings", { settings: changes }), plain)
  }
})

const initial = {
  log_file: "/var/log/galatea",
  log_info: true,
  log_warning: true,
  log_error: true,
  log_verbose_level: 0,
  log_format: "default"
}

describe("log settings over gRPC", () => {
  it.live("are told, and change as far as they are named", () =>
    Effect.gen(function*() {
      const { said, settings } = yield* started
      assert.deepStrictEqual(yield* said(), initial)
      assert.deepStrictEqual(
        yield* said({
          log_info: { bool_param: false },
          log_verbose_level: { uint32_param: 3 },
          log_format: { string_param: "json" },
          other: { bool_param: true }
        }),
        { ...initial, log_info: false, log_verbose_level: 3, log_format: "json" }
      )
      assert.deepInclude(settings.current(), { info: false, verboseLevel: 3, format: "json" })
    }).pipe(Effect.scoped))

  it.live("say what is wrong with a change, and keep what stands before it", () =>
    Effect.gen(function*() {
      const { said } = yield* started
      const file = "12 log file location can not be updated through network protocol"
      assert.strictEqual(yield* said({ log_file: { string_param: "" } }), file)
      assert.strictEqual(yield* said({ log_file: {}, log_info: { bool_param: false } }), file)
      for (const name of ["log_info", "log_warning", "log_error"]) {
        assert.strictEqual(yield* said({ [name]: { string_param: "true" } }), `3 expect boolean for '${name}'`)
        assert.strictEqual(yield* said({ [name]: {} }), `3 expect boolean for '${name}'`)
      }
      assert.strictEqual(
        yield* said({ log_verbose_level: { bool_param: true } }),
        "3 expect int32 for 'log_verbose_level'"
      )
      assert.strictEqual(
        yield* said({ log_verbose_level: { uint32_param: 4294967295 } }),
        "3 invalid value for log_verbose_level: expected a whole number from 0 to 2147483647, got: 4294967295"
      )
      assert.strictEqual(yield* said({ log_format: { uint32_param: 1 } }), "3 expect string for 'log_format'")
      assert.strictEqual(
        yield* said({ log_format: { string_param: "xml" } }),
        "3 invalid argument for log_format, got: xml"
      )
      assert.deepStrictEqual(yield* said(), initial)
      yield* said({ log_format: { string_param: "xml" }, log_error: { bool_param: false } })
      assert.deepStrictEqual(yield* said(), { ...initial, log_error: false })
    }).pipe(Effect.scoped))

  it.live("can be restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["logging"], header: "key", value: "k" }] })
      const client = yield* connect(port)
      assert.strictEqual(
        yield* ask(client, "LogSettings"),
        "14 This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
      )
      assert.notStrictEqual(
        typeof (yield* ask(client, "LogSettings", {}, { "triton-grpc-protocol-key": "k" })),
        "string"
      )
    }).pipe(Effect.scoped))
})
