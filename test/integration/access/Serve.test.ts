/** API keys of a running server: their file changes, and nobody gets to see them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import { eventually } from "../http/Wire.ts"
import * as Keys from "./Keys.ts"

const scoped = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => Effect.scoped(effect)

const models = { simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } } }

const text = (...entries: ReadonlyArray<unknown>) => JSON.stringify({ keys: entries })

const status = (url: string, id: string) =>
  Effect.map(Child.ask(`${url}/v2/models/simple`, { headers: Keys.apiKey(id) }), ({ status }) => status)

/** Points a link to another file at one go, as a mounted secret does. */
const swap = (folder: string, name: string, content: string): void => {
  writeFileSync(join(folder, name), content)
  symlinkSync(name, join(folder, "next"))
  renameSync(join(folder, "next"), join(folder, "keys.json"))
}

describe("the file of API keys", () => {
  it.live("is read again when it changes, under load, and a wrong one changes nothing", () =>
    scoped(Effect.gen(function*() {
      const folder = yield* Child.folder(models)
      const secrets = yield* Child.folder({})
      const steady = Keys.entry("steady", ["simple"], ["read"])
      const file = join(secrets, "keys.json")
      swap(secrets, "one", text(steady, Keys.entry("old", ["*"], ["read"])))
      const server = yield* Child.serve([folder, `--api-keys-file=${file}`, "--api-keys-poll-ms=20"])
      const said = () => server.out() + server.err()
      const refused: Array<number> = []
      const load = yield* Effect.forkScoped(Effect.forever(Effect.map(status(server.url, "steady"), (seen) => {
        if (seen !== 200) refused.push(seen)
      })))
      assert.deepStrictEqual([yield* status(server.url, "old"), yield* status(server.url, "new")], [200, 401])

      swap(secrets, "two", text(steady, Keys.entry("new", ["*"], ["read"])))
      yield* eventually(() => said().includes("has changed: 2 keys"), (seen) => seen)
      assert.deepStrictEqual([yield* status(server.url, "old"), yield* status(server.url, "new")], [401, 200])

      swap(secrets, "three", `{ "keys": [ ${Keys.textOf("leaked")} ] }`)
      yield* eventually(() => said().includes("the API keys stay as they were"), (seen) => seen)
      assert.include(said(), `${file}:1:13: this is no JSON`)
      assert.strictEqual(yield* status(server.url, "new"), 200)

      for (let i = 0; i < 10; i++) {
        const many = Array.from({ length: 2000 }, (_, at) => Keys.entry(`k${i}-${at}`, ["*"], ["read"]))
        swap(secrets, `many${i}`, text(steady, ...many))
        yield* eventually(() => said().split("2001 keys are valid").length, (seen) => seen === i + 2)
      }
      assert.strictEqual(yield* status(server.url, "k9-1999"), 200)
      yield* Fiber.interrupt(load)
      assert.deepStrictEqual(refused, [])
      assert.notInclude(server.out() + server.err(), "key-of-")
    })))

  it.live("must be right when the server starts", () =>
    scoped(Effect.gen(function*() {
      const folder = yield* Child.folder(models)
      const file = yield* Keys.fileOf([{ ...Keys.entry("a", ["*"], ["read"]), hash: Keys.textOf("a") }])
      const { code, err } = yield* Child.run([
        "serve",
        folder,
        "--http-port=0",
        "--grpc-port=0",
        `--api-keys-file=${file}`
      ])
      assert.strictEqual(code, 1)
      assert.include(err, `error: creating server: Invalid argument - ${file}:1:`)
      assert.include(err, "'keys[0].hash' is wrong; expected \"sha256:\" and 64 hexadecimal digits")
      assert.notInclude(err, "key-of-")
    })))
})

describe("an API key", () => {
  it.live("is in no log, trace, answer or metric; its id is in the line of its request", () =>
    scoped(Effect.gen(function*() {
      const folder = yield* Child.folder(models)
      const file = yield* Keys.fileOf([Keys.entry("team", ["simple"], ["infer", "read"])])
      const places = yield* Child.folder({})
      const trace = join(places, "trace.json")
      // Nothing but lines of the log is printed: those say where it listens.
      const server = yield* Child.start([
        "serve",
        folder,
        ...["http", "grpc", "metrics"].flatMap((door) => [`--${door}-address=127.0.0.1`, `--${door}-port=0`]),
        `--api-keys-file=${file}`,
        "--log-verbose=2",
        "--log-requests=all",
        "--log-format=json",
        `--trace-config=triton,file=${trace}`,
        "--trace-config=rate=1",
        "--trace-config=level=TIMESTAMPS",
        "--http-header-forward-pattern=.*",
        "--client-quota=1000"
      ])
      const [, port] = yield* server.printed(/HTTPService at 127\.0\.0\.1:(\d+)/)
      const data = Array.from({ length: 16 }, () => 1)
      const body = JSON.stringify({
        inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))
      })
      let answers = ""
      const ask = (path: string, headers: Record<string, string>) =>
        Effect.map(
          Child.ask(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body }),
          ({ status, text }) => {
            answers += text
            return status
          }
        )
      assert.strictEqual(yield* ask("/v2/models/simple/infer", Keys.bearer("team")), 200)
      assert.strictEqual(yield* ask("/v2/models/other/infer", Keys.apiKey("team")), 403)
      assert.strictEqual(yield* ask("/v2/models/simple/infer", Keys.bearer("stranger")), 401)
      yield* eventually(() => server.err().split("request failed").length, (seen) => seen >= 3)
      assert.match(server.out(), /request answered.*"key":"team"/)
      assert.match(server.err(), /request failed.*may not.*"key":"team"/)
      const [, metrics] = yield* server.printed(/Metrics Service at 127\.0\.0\.1:(\d+)/)
      const shown = (yield* Child.ask(`http://127.0.0.1:${metrics}/metrics`)).text
      assert.match(shown, /^galatea_access_refused_requests_total\{reason="unauthenticated"\} 1$/m)
      assert.match(shown, /^galatea_access_refused_requests_total\{reason="forbidden"\} 1$/m)
      assert.match(shown, /^galatea_access_allowed_requests_total 1$/m)
      server.process.kill("SIGTERM")
      yield* server.ended
      assert.notInclude(answers + shown + server.out() + server.err() + readFileSync(trace, "utf8"), "key-of-")
    })))

  it.live("is made by a command whose entry the server takes", () =>
    scoped(Effect.gen(function*() {
      const made = yield* Child.run(["key", "create", "made", "--models", "sim*,x", "--verbs", "read"])
      const [key, ...rest] = made.out.split("\n")
      const folder = yield* Child.folder(models)
      const file = yield* Keys.fileOf([JSON.parse(rest.join("\n"))])
      const server = yield* Child.serve([folder, `--api-keys-file=${file}`])
      const asked = (path: string) =>
        Effect.map(Child.ask(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } }), ({ status }) =>
          status)
      assert.deepStrictEqual([yield* asked("/v2/models/simple"), yield* asked("/v2/models/x")], [200, 404])
      assert.strictEqual(yield* asked("/v2/models/y"), 403)
      assert.notInclude(readFileSync(file, "utf8"), key!)
      const console = JSON.parse((yield* Child.ask(`${server.url}/v2/console/state`)).text)
      assert.deepStrictEqual([
        ...new Set(console.restricted.map(({ header }: { header: string }) =>
          header
        ))
      ], ["x-api-key"])
      const wrong = yield* Child.run(["key", "create", "made", "--models", "m", "--verbs", "fly"])
      assert.deepStrictEqual([wrong.code, wrong.out], [1, ""])
      assert.include(wrong.err, "'scopes[0].verbs[0]' is wrong; expected one of infer, read, admin")
    })))
})
