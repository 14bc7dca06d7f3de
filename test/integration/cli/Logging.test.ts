/** What a running server writes into its log. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync, renameSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Models from "../../fixtures/onnx/Models.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"

const simple = { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }

const inputs = (data: ReadonlyArray<unknown> = Array.from({ length: 16 }, (_, i) => i)) =>
  ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))

const infer = (url: string, request: unknown, headers: Record<string, string> = {}, model = "simple") =>
  Child.ask(`${url}/v2/models/${model}/infer`, { method: "POST", body: JSON.stringify(request), headers })

const parsed = (text: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  text.trimEnd().split("\n").map((line) => JSON.parse(line))

const read = (path: string): string => existsSync(path) ? readFileSync(path, "utf8") : ""

describe("the log of a server", () => {
  it.live("has a JSON object for everything, and one for each request, and changes while the server runs", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ simple })
      const server = yield* Child.start([
        "serve",
        models,
        "--http-address=127.0.0.1",
        "--http-port=0",
        "--grpc-port=0",
        "--metrics-port=0",
        "--log-format=json",
        "--log-requests=all"
      ])
      const [, port] = yield* server.printed(/Started HTTPService at 127\.0\.0\.1:(\d+)/)
      const url = `http://127.0.0.1:${port}`
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      yield* infer(url, { id: "an \"id\"\n", inputs: inputs() }, { traceparent })
      yield* infer(url, { inputs: inputs() }, {}, "absent")
      yield* infer(url, { id: "bad", inputs: inputs().slice(0, 1) })
      yield* server.printed(/"id":"bad"/)

      const answered = parsed(server.out()).find(({ message }) => message === "request answered")!
      assert.deepInclude(answered, { level: "INFO", trace_id: traceparent.slice(3, 35) })
      const { compute_us, queue_us, total_us, ...rest } = answered["annotations"] as Record<string, unknown>
      assert.deepStrictEqual(rest, {
        protocol: "http",
        model: "simple",
        version: "1",
        id: "an \"id\"\n",
        status: 200,
        batch_rows: 1,
        batch_requests: 1
      })
      for (const time of [compute_us, queue_us, total_us]) assert.isAtLeast(Number(time), 0)
      assert.isAbove(Number(total_us), Number(compute_us))
      const failed = parsed(server.err())
      assert.deepStrictEqual(
        failed.map(({ annotations, level, message }) => {
          const { error, id, model, status } = annotations as Record<string, unknown>
          return [level, String(message).split(":")[0], model, id, status, error]
        }),
        [
          ["WARN", "request failed", "absent", undefined, 404, "ModelNotFound"],
          ["WARN", "request failed", "simple", "bad", 400, "InvalidRequest"]
        ]
      )

      const changed = yield* Child.ask(`${url}/v2/logging`, {
        method: "POST",
        body: "{\"log_format\":\"ISO8601\",\"log_verbose_level\":1,\"log_warning\":false,\"log_error\":false}"
      })
      assert.strictEqual(changed.status, 200)
      const before = server.err()
      yield* infer(url, { inputs: inputs() }, {}, "absent")
      yield* infer(url, { id: "last", inputs: inputs() })
      yield* server.printed(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ galatea:0\] "request answered .* id=last .*"$/m)
      assert.strictEqual(server.err(), before)
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
    }).pipe(Effect.scoped))

  it.live("is in a file that may be moved away, at once where the server is told", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ simple })
      const folder = yield* Child.folder({})
      const path = join(folder, "log")
      const server = yield* Child.serve([models, `--log-file=${path}`, "--log-requests=all", "--log-format=pretty"])
      const ask = (id: string) => infer(server.url, { id, inputs: inputs() })
      yield* ask("one")
      yield* eventually(() => read(path), (text) => text.includes(" id=one "))
      renameSync(path, `${path}.1`)
      server.process.kill("SIGHUP")
      yield* eventually(() => existsSync(path), (found) => found)
      yield* ask("two")
      yield* eventually(() => read(path), (text) => text.includes(" id=two "))
      renameSync(path, `${path}.2`)
      // Nobody tells it this time.
      yield* Effect.sleep("1100 millis")
      yield* ask("three")
      yield* eventually(() => read(path), (text) => text.includes(" id=three "))
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
      const all = [`${path}.1`, `${path}.2`, path].map(read)
      assert.deepStrictEqual(
        all.map((text) => text.match(/ id=\w+/g)),
        [[" id=one"], [" id=two"], [" id=three"]]
      )
      assert.notInclude(all.join(""), "\u001b")
    }).pipe(Effect.scoped))

  it.live("costs no request its answer where the disk is full", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ simple })
      const path = join(yield* Child.folder({}), "log")
      symlinkSync("/dev/full", path)
      const server = yield* Child.serve([
        models,
        `--log-file=${path}`,
        "--log-requests=all",
        "--log-buffer-bytes=65536"
      ])
      for (let i = 0; i < 400; i++) {
        assert.strictEqual((yield* infer(server.url, { id: "x".repeat(200), inputs: inputs() })).status, 200)
      }
      yield* server.printed(/^cannot write to the log file .*ENOSPC/m)
      assert.strictEqual(server.err().split("\n").length, 2)
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
    }).pipe(Effect.scoped))

  it.live("is lost, and not kept, where nobody reads the console", () =>
    Effect.gen(function*() {
      const models = yield* Child.folder({ simple })
      const port = yield* Child.freePort
      const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, [
            main,
            "serve",
            models,
            "--http-address=127.0.0.1",
            `--http-port=${port}`,
            "--grpc-port=0",
            "--metrics-port=0",
            "--log-requests=all",
            "--log-format=json",
            "--log-buffer-bytes=65536"
          ], { stdio: ["ignore", "pipe", "pipe"] })
        ),
        (running) => Effect.sync(() => running.kill("SIGKILL"))
      )
      const url = `http://127.0.0.1:${port}`
      while (!(yield* Child.isLive(url))) yield* Effect.sleep("50 millis")
      // The system keeps some of it, and so do both ends.
      const sent = 1500
      for (let i = 0; i < sent; i++) {
        assert.strictEqual((yield* infer(url, { id: `${i}-${"x".repeat(200)}`, inputs: inputs() })).status, 200)
      }
      let out = ""
      let err = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
      child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
      yield* eventually(() => out.length, (length) => length > 65536)
      yield* infer(url, { id: "last", inputs: inputs() })
      yield* eventually(() => `${out}${err}`, (text) => text.includes("\"last\"") && text.includes("missing here"))
      const written = parsed(out).filter(({ message }) => message === "request answered").length
      assert.strictEqual(/(\d+) lines of the log are missing here/.exec(err)?.[1], String(sent + 1 - written))
    }).pipe(Effect.scoped))

  it.live("has no secrets and no contents of tensors in it", () =>
    Effect.gen(function*() {
      const secret = "hunter2secret"
      const number = 918273645
      const models = yield* Child.folder({
        simple,
        texts: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simpleString() } }
      })
      const server = yield* Child.serve([
        models,
        "--log-verbose=2",
        "--log-requests=all",
        "--http-header-forward-pattern=.*",
        `--http-restricted-api=statistics:admin-key=${secret}`,
        "--cache-config=redis,host=127.0.0.1",
        "--cache-config=redis,port=1",
        `--cache-config=redis,password=${secret}`
      ], { variables: { GALATEA_REPOSITORY_HTTP_TOKEN: secret, AWS_SECRET_ACCESS_KEY: secret } })
      const headers = {
        authorization: `Bearer ${secret}`,
        cookie: secret,
        baggage: `k=${secret}`,
        tracestate: `k=${secret}`
      }
      const parameters = { note: secret }
      const data = Array.from({ length: 16 }, () => number)
      const texts = data.map(() => secret)
      const bytes = ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "BYTES", data: texts }))
      const requests: ReadonlyArray<readonly [model: string, request: unknown]> = [
        ["simple", { id: "good", parameters, inputs: inputs(data) }],
        ["simple", { id: "bad", parameters, inputs: inputs([number, number]) }],
        ["simple", { id: "bad", parameters, inputs: inputs(texts) }],
        ["simple", { id: "bad", parameters, inputs: inputs([number + 0.5]) }],
        ["simple", { id: "bad", parameters, inputs: bytes }],
        ["texts", { id: "bad", parameters, inputs: bytes }],
        ["absent", { id: "bad", parameters, inputs: bytes }]
      ]
      for (const [model, request] of requests) yield* infer(server.url, request, headers, model)
      yield* Child.ask(`${server.url}/v2/models/simple/infer`, {
        method: "POST",
        body: `{"${secret}": ${number}`,
        headers
      })
      yield* Child.ask(`${server.url}/v2/models/stats`, { headers: { "admin-key": `x${secret}` } })
      yield* infer(server.url, { id: "last", inputs: inputs() })
      yield* server.printed(/ id=last /)
      server.process.kill("SIGTERM")
      yield* server.ended
      const log = server.out() + server.err()
      assert.strictEqual(log.match(/request failed/g)?.length, 7)
      assert.notInclude(log, secret)
      assert.notInclude(log, String(number))

      const wrong: ReadonlyArray<ReadonlyArray<string>> = [
        [models, `--http-restricted-api=statistics=admin-key:${secret}`],
        [models, `--http-restricted-api=nothing:admin-key=${secret}`],
        [models, `--grpc-restricted-protocol=inference:${secret}`],
        [models, `--cache-config=redis-password=${secret}`],
        [`http://user:${secret}@127.0.0.1:1/models`]
      ]
      for (const words of wrong) {
        const { code, err, out } = yield* Child.run([
          "serve",
          ...words,
          "--http-port=0",
          "--grpc-port=0",
          "--metrics-port=0"
        ])
        assert.strictEqual(code, 1, words.join(" "))
        assert.notInclude(out + err, secret, words.join(" "))
      }
    }).pipe(Effect.scoped))
})
