import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import { LossBook } from "../../../src/layers/execution/internal/LossBook.ts"
import type { ConsoleAnswer } from "../../../src/schema/ConsoleState.ts"
import { ask, connect } from "../http/Wire.ts"
import { serve } from "./Serving.ts"

const stateOf = (text: string): ConsoleAnswer => JSON.parse(text)

describe("the console", () => {
  it.live("is a page whose files are all its own, which nothing else may be part of", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const page = yield* ask(port, "/v2/console")
      assert.strictEqual(page.status, 200)
      assert.strictEqual(page.headers["content-type"], "text/html; charset=utf-8")
      assert.strictEqual(page.headers["x-content-type-options"], "nosniff")
      assert.strictEqual(page.headers["x-frame-options"], "DENY")
      const policy = String(page.headers["content-security-policy"])
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /)
      assert.notMatch(policy, /unsafe|\*|http/)
      assert.notMatch(page.text, /https?:|style=|<script(?! type="module" src="console\/)|\son\w+=/)

      const folder = new URL("../../../src/layers/console/page/", import.meta.url)
      const files = readdirSync(folder).filter((name) => name !== "index.html" && name !== "tsconfig.json")
      for (const name of files) {
        const file = yield* ask(port, `/v2/console/${name}`)
        assert.strictEqual(file.status, 200, name)
        assert.notStrictEqual(file.headers["content-type"], "text/plain", name)
        assert.strictEqual(file.headers["content-security-policy"], policy, name)
        assert.notMatch(file.text.replaceAll("http://www.w3.org/", ""), /https?:\/\//, name)
        for (const [, imported] of file.text.matchAll(/ from "\.\/([^"]+)"/g)) assert.include(files, imported, name)
      }
      const moved = yield* ask(port, "/v2/console/")
      assert.strictEqual(moved.status, 308)
      assert.strictEqual(moved.headers["location"], "../console")
      for (const path of ["/v2/console/tsconfig.json", "/v2/console/..%2fstyle.css", "/v2/console/style.css/"]) {
        assert.strictEqual((yield* ask(port, path)).status, 404, path)
      }
      assert.strictEqual((yield* ask(port, "/v2/console", { method: "POST" })).status, 405)
    }))

  it.live("is not there for others than its operator says", () =>
    Effect.gen(function*() {
      const forwarded = { headers: { "X-Forwarded-For": "203.0.113.7" } }
      const named = { headers: { Host: "attacker.example" } }
      const auto = yield* serve()
      const open = yield* serve({ console: "true" })
      const closed = yield* serve({ console: "false" })
      for (const path of ["/v2/console", "/v2/console/", "/v2/console/main.js", "/v2/console/state"]) {
        for (const options of [forwarded, named]) {
          const refused = yield* ask(auto.port, path, options)
          assert.strictEqual(refused.status, 404)
          assert.strictEqual(refused.text, "{\"error\":\"Not Found\"}")
          assert.notStrictEqual((yield* ask(open.port, path, options)).status, 404)
        }
        for (const method of ["GET", "HEAD", "POST", "PUT", "OPTIONS"]) {
          for (const [port, options] of [[closed.port, {}], [auto.port, forwarded], [auto.port, named]] as const) {
            const nothing = yield* ask(port, "/v2/nothing", { ...options, method })
            const refused = yield* ask(port, path, { ...options, method })
            assert.strictEqual(refused.status, 404, `${method} ${path}`)
            assert.deepStrictEqual(
              [refused.text, Object.keys(refused.headers)],
              [nothing.text, Object.keys(nothing.headers)],
              `${method} ${path}`
            )
          }
        }
      }
    }))

  it.live("goes by the name that counts, where a request has several", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const status = Effect.fnUntraced(function*(target: string, hosts: ReadonlyArray<string>) {
        const client = yield* connect(port)
        client.send(`GET ${target} HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join("")}\r\n`)
        return Number((yield* client.answers(1)).slice("HTTP/1.1 ".length, "HTTP/1.1 200".length))
      })
      assert.strictEqual(yield* status("/v2/console", ["localhost"]), 200)
      assert.strictEqual(yield* status("/v2/console", ["localhost", "attacker.example"]), 404)
      assert.strictEqual(yield* status("http://attacker.example/v2/console", ["localhost"]), 404)
      assert.strictEqual(yield* status("http://localhost/v2/console", ["localhost"]), 200)
    }))

  it.live("says nothing to pages of other origins, whatever else they may ask", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ corsAllowOrigins: ["*"] })
      const origin = { headers: { Origin: "https://other.example" } }
      assert.strictEqual((yield* ask(port, "/v2", origin)).headers["access-control-allow-origin"], "*")
      const state = yield* ask(port, "/v2/console/state", origin)
      assert.strictEqual(state.status, 200)
      assert.isUndefined(state.headers["access-control-allow-origin"])
      assert.strictEqual(state.headers["cross-origin-resource-policy"], "same-origin")
    }))

  it.live("shows the server, its models, what they did, and what became of requests", () =>
    Effect.gen(function*() {
      const { observer, port, statistics } = yield* serve()
      const books = yield* statistics.open({ model: "echo", version: 1 })
      books.succeeded(3, { request: 2e6, queue: 1e6, computeInput: 1e5, computeInfer: 8e5, computeOutput: 1e5 })
      books.executed(3, { computeInput: 1e5, computeInfer: 8e5, computeOutput: 1e5 })
      books.failed("BACKEND", 1e6)
      books.refused("queue_full")
      books.refused("invalid")
      books.refused("invalid")
      books.retried(2)
      const book = new LossBook()
      book.lost(0, "ended", "its process was ended by SIGSEGV", 1n)
      books.observeInstances(() =>
        book.condition({
          live: 1,
          pausedUntilNanos: undefined,
          memoryBytes: new Map(),
          placed: { inline: 0, thread: 1, process: 0 },
          moved: 0
        })
      )
      books.observe(() => ({ waiting: 4, running: 1 }))
      const first = stateOf((yield* ask(port, "/v2/console/state")).text)
      assert.deepStrictEqual(first.restricted, [])
      assert.strictEqual(first.server?.name, "galatea")
      assert.isTrue(first.server?.ready)
      assert.isAtLeast(first.atMillis, first.server!.startedAtMillis)
      const loaded = {
        platform: "onnxruntime_onnx",
        maxBatchSize: 0,
        instances: 0,
        load: 1,
        scheduling: "direct" as const,
        healthy: true
      }
      assert.deepEqual(first.models, [
        { name: "broken", version: "1", state: "UNAVAILABLE", reason: "Internal: \"bad\" file", onDemand: false },
        { name: "echo", version: "1", state: "READY", loaded, onDemand: false },
        { name: "never", onDemand: false }
      ])
      const [figures] = first.figures!
      assert.deepInclude(figures, {
        model: "echo",
        version: "1",
        succeeded: 1,
        failed: 1,
        refused: 1,
        invalid: 2,
        rows: 3,
        executions: 1,
        retried: 2,
        lost: 1,
        waiting: 4,
        running: 1,
        micros: { request: 2000, queue: 1000, input: 100, infer: 800, output: 100 }
      })
      assert.strictEqual(figures!.durations.length, first.boundsMillis!.length + 1)
      assert.strictEqual(figures!.durations[first.boundsMillis!.indexOf(2.5)], 1)
      assert.deepStrictEqual(first.flows, [])

      const atNanos = Number(process.hrtime.bigint())
      const send = () =>
        observer.begin({
          protocol: "grpc",
          model: "echo",
          version: "",
          atNanos,
          context: undefined,
          source: { facts: () => ({ name: "infer", attributes: [] }) }
        })?.ended({})
      send()
      send()
      const flows = (after: string) =>
        Effect.map(ask(port, `/v2/console/state?${after}`), ({ text }) =>
          stateOf(text).flows?.map(({ number }) => number))
      assert.deepStrictEqual(yield* flows("after=0"), [1, 2])
      assert.deepStrictEqual(yield* flows("x=1&after=1"), [2])
      assert.deepStrictEqual(yield* flows("after=nonsense"), [1, 2])
    }))

  it.live("shows of a restricted API only what the request has the header for", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({
        restrictions: [
          { categories: ["statistics", "model-repository"], header: "key", value: "one" },
          { categories: ["metadata", "trace"], header: "other", value: "two" },
          { categories: ["inference"], header: "third", value: "three" }
        ]
      })
      const get = (headers: Record<string, string>) =>
        Effect.map(ask(port, "/v2/console/state", { headers }), ({ text }) => stateOf(text))
      const nothing = yield* get({ key: "wrong" })
      assert.deepStrictEqual(Object.keys(nothing).toSorted(), ["atMillis", "restricted"])
      assert.deepStrictEqual(nothing.restricted, [
        { part: "server", header: "other" },
        { part: "models", header: "key" },
        { part: "figures", header: "key" },
        { part: "flows", header: "other" },
        { part: "inference", header: "third" }
      ])
      const some = yield* get({ key: "one", third: "three" })
      assert.deepStrictEqual(some.restricted.map(({ part }) => part), ["server", "flows"])
      assert.isArray(some.models)
      assert.isArray(some.figures)
      assert.isUndefined(some.server)
      assert.isUndefined(some.flows)
      assert.deepStrictEqual((yield* get({ key: "one", other: "two", third: "three" })).restricted, [])
      assert.strictEqual((yield* ask(port, "/v2/console")).status, 200, "a browser sends no headers for a page")
    }))

  it.live("is bounded, however many models there are and whatever is said of them", () =>
    Effect.gen(function*() {
      const { fake, port, statistics } = yield* serve({}, { maxModels: 2 })
      fake.index = Array.from(
        { length: 50 },
        (_, i) => ({ name: `m${i}`, version: "1", state: "UNAVAILABLE" as const, reason: "x".repeat(100_000) })
      )
      for (let i = 0; i < 50; i++) yield* statistics.open({ model: `m${i}`, version: 1 })
      const { text } = yield* ask(port, "/v2/console/state")
      const state = stateOf(text)
      assert.strictEqual(state.models?.length, 2)
      assert.strictEqual(state.omittedModels, 48)
      assert.strictEqual(state.figures?.length, 2)
      assert.isBelow(text.length, 4000)
    }))
})
