/**
 * Starts the server with every option of model-config §7.2 and sees its effect, or its one warning: in this process, as a start
 * costs little there, but for what is said of processes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { connect as connectSocket } from "node:net"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import type { Worker } from "node:worker_threads"
import { environmentName } from "../../../src/schema/options/OptionRow.ts"
import { childrenOf } from "../../execution/Children.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Sequences from "../../fixtures/onnx/SequenceModels.ts"
import { cases, ownCases } from "../../schema/options/OptionCases.ts"
import { connect } from "../grpc/Client.ts"
import { eventually } from "../http/Wire.ts"
import { accessOptions } from "./AccessOptions.ts"
import * as Child from "./Child.ts"
import { gpuOptions } from "./GpuOptions.ts"
import { grpcOptions } from "./GrpcOptions.ts"
import * as InProcess from "./InProcess.ts"
import { sourceOptions } from "./SourceOptions.ts"
import { tlsOptions } from "./TlsOptions.ts"
import { traceOptions } from "./TraceOptions.ts"

const simple = { config: "max_batch_size: 8\n", versions: { 1: { "model.onnx": Models.simple() } } }
const good = { "config.pbtxt": simple.config, ...simple.versions }
const broken = { 1: { "model.onnx": "no model" } }

const body = (value: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(value) })
const data = Array.from({ length: 16 }, (_, i) => i)
const inputs = ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))

/** Options whose effect a test of this file, or of the command line's other integration tests, sees by name. */
const seen = new Set<string>()

const test = (title: string, options: ReadonlyArray<string>, effect: () => Effect.Effect<void>) => {
  for (const option of options) seen.add(option)
  it.live(`${title} (${options.map((option) => `--${option}`).join(", ")})`, effect)
}

const scoped = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => Effect.scoped(effect)

describe("options without an effect", () => {
  const silent = cases.filter(({ outcome }) => outcome === "pending" || outcome === "ignored")
  const lines = (err: string) => err.split("\n").filter((line) => line.includes("has no effect"))

  test("are accepted with one warning each", silent.map(({ name }) => name), () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* InProcess.serve([models, ...silent.map(({ name, text }) => `--${name}=${text}`)])
      const warnings = lines(server.err())
      for (const { name } of silent) {
        assert.strictEqual(warnings.filter((line) => line.includes(`'--${name}'`)).length, 1, name)
      }
      assert.strictEqual(warnings.length, silent.length)
      assert.strictEqual((yield* Child.ask(`${server.url}/v2/health/ready`)).status, 200)
    })))

  it.live("are accepted with one warning each from the environment", () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* InProcess.serve([models], {
        variables: Object.fromEntries(silent.map(({ name, text }) => [environmentName(name), text!]))
      })
      const warnings = lines(server.err())
      for (const { name } of silent) {
        assert.strictEqual(warnings.filter((line) => line.includes(`'${environmentName(name)}'`)).length, 1, name)
      }
      assert.strictEqual(warnings.length, silent.length)
    })))
})

describe("options of the server", () => {
  test("name it and its repositories", ["id", "model-repository"], () =>
    scoped(Effect.gen(function*() {
      const one = yield* Child.folder({ one: good })
      const two = yield* Child.folder({ two: good })
      const server = yield* InProcess.serve(["--id=mine", "--model-repository", one], {
        variables: { GALATEA_ID: "other" }
      })
      assert.strictEqual(JSON.parse((yield* Child.ask(`${server.url}/v2`)).text).name, "mine")
      const both = yield* InProcess.serve([], { variables: { GALATEA_MODEL_REPOSITORY: `${one},${two}` } })
      for (const name of ["one", "two"]) {
        assert.strictEqual((yield* Child.ask(`${both.url}/v2/models/${name}/ready`)).status, 200)
      }
    })))

  test(
    "decide whether a broken model ends it and its readiness",
    ["exit-on-error", "strict-readiness"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ good, broken })
        const ended = yield* InProcess.run(["serve", models, "--http-port=0", "--grpc-port=0"])
        assert.strictEqual(ended.code, 1)
        assert.include(ended.err, "error: creating server: Internal - failed to load all models\n")
        assert.match(ended.out, /\| broken +\| 1 +\| UNAVAILABLE \| /)

        const strict = yield* InProcess.serve([models, "--exit-on-error=false"])
        assert.notStrictEqual((yield* Child.ask(`${strict.url}/v2/health/ready`)).status, 200)
        assert.strictEqual((yield* Child.ask(`${strict.url}/v2/models/good/ready`)).status, 200)
        const lax = yield* InProcess.serve([models, "--exit-on-error=off", "--strict-readiness=off"])
        assert.strictEqual((yield* Child.ask(`${lax.url}/v2/health/ready`)).status, 200)
      }))
  )

  test(
    "demand complete configs",
    ["disable-auto-complete-config", "strict-model-config"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const strict = yield* InProcess.run([
          "serve",
          models,
          "--http-port=0",
          "--grpc-port=0",
          "--disable-auto-complete-config"
        ])
        assert.strictEqual(strict.code, 1)
        const deprecated = yield* InProcess.run([
          "serve",
          models,
          "--http-port=0",
          "--grpc-port=0",
          "--strict-model-config=true"
        ])
        assert.strictEqual(deprecated.code, 1)
        assert.strictEqual(deprecated.err.split("'--strict-model-config' has been deprecated!").length, 2)
      }))
  )

  test(
    "load models on demand, and some at start-up",
    ["model-control-mode", "load-model", "max-overridden-models"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ first: good, other: good })
        const none = yield* InProcess.serve([models, "--model-control-mode=NONE"])
        assert.strictEqual(
          (yield* Child.ask(`${none.url}/v2/repository/models/first/unload`, { method: "POST" })).status,
          503
        )
        const server = yield* InProcess.serve([
          models,
          "--model-control-mode=explicit",
          "--load-model=first",
          "--max-overridden-models=0"
        ])
        const ready = (name: string) =>
          Effect.map(Child.ask(`${server.url}/v2/models/${name}/ready`), ({ status }) => status)
        assert.deepStrictEqual([yield* ready("first"), yield* ready("other")], [200, 404])
        const load = `${server.url}/v2/repository/models/other/load`
        assert.strictEqual((yield* Child.ask(load, { method: "POST" })).status, 200)
        assert.strictEqual(yield* ready("other"), 200)
        const parameters = { config: "{}", "file:1/model.onnx": Buffer.from(Models.simple()).toString("base64") }
        const full = yield* Child.ask(load, body({ parameters }))
        assert.strictEqual(full.status, 503)
        assert.include(full.text, "--max-overridden-models")
        const missing = yield* InProcess.run([
          "serve",
          models,
          "--model-control-mode=explicit",
          "--load-model=absent",
          "--http-port=0",
          "--grpc-port=0"
        ])
        assert.strictEqual(missing.code, 1)
        assert.include(missing.err, "failed to poll model 'absent': model not found in any model repository.")
      }))
  )

  test(
    "take up changes of the repository",
    ["repository-poll-secs", "repository-settle-ms"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const server = yield* InProcess.serve([
          models,
          "--model-control-mode=poll",
          "--repository-poll-secs=1",
          "--repository-settle-ms=50"
        ])
        mkdirSync(join(models, "simple", "2"))
        writeFileSync(join(models, "simple", "2", "model.onnx"), Models.simple())
        yield* server.printed(/"successfully loaded 'simple' version 2/)
        yield* server.printed(/"successfully unloaded 'simple' version 1/)
        assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/simple/versions/2/ready`)).status, 200)
        rmSync(join(models, "simple"), { recursive: true })
        yield* server.printed(/"successfully unloaded 'simple' version 2/)
      }))
  )

  test(
    "load models when they are asked for, within limits",
    [
      "model-residency-budget",
      "model-residency-idle-secs",
      "model-residency-max-waiting",
      "model-residency-wait-ms"
    ],
    () =>
      scoped(Effect.gen(function*() {
        const folder = yield* Child.folder({})
        // Loads only when somebody was answered.
        const config = "max_batch_size: 8 platform: \"custom\" " +
          ["input { name: \"INPUT0\"", "input { name: \"INPUT1\"", "output { name: \"OUTPUT0\""]
            .map((start) => `${start} data_type: TYPE_INT32 dims: [ 16 ] } `).join("")
        const code = `import { existsSync } from "node:fs"
          while (!existsSync(${JSON.stringify(join(folder, "answered"))})) await new Promise((go) => setTimeout(go, 5))
          export default ({ INPUT0 }) => [{ ...INPUT0, name: "OUTPUT0" }]`
        const models = yield* Child.folder({ m0: good, slow: { "config.pbtxt": config, 1: { "model.mjs": code } } })
        const start = (...words: ReadonlyArray<string>) =>
          Effect.gen(function*() {
            const server = yield* InProcess.start([
              "serve",
              models,
              "--http-address=127.0.0.1",
              "--http-port=0",
              "--grpc-port=0",
              "--allow-metrics=false",
              ...words
            ])
            const [, url] = yield* server.printed(/^Listening for HTTP at (\S+)/m)
            yield* server.printed(/v2\/models\/m0'\n/)
            return (name: string) => Child.ask(`${url}/v2/models/${name}/infer`, body({ inputs }))
          })
        // Less than the file: what a load is measured to take also depends on what else the process does.
        const tight = yield* start("--model-residency-budget=100")
        const large = yield* tight("m0")
        assert.strictEqual(large.status, 503)
        assert.include(large.text, "more than the 100 that --model-residency-budget allows")
        const hasty = yield* start("--model-residency-idle-secs=100", "--model-residency-wait-ms=1")
        const late = yield* hasty("m0")
        assert.strictEqual(late.status, 503)
        assert.include(late.text, "it was not loaded within 1ms (--model-residency-wait-ms)")
        const narrow = yield* start("--model-residency-budget=10000000000", "--model-residency-max-waiting=1")
        const ask = Effect.tap(narrow("slow"), () => Effect.sync(() => writeFileSync(join(folder, "answered"), "")))
        const answers = yield* Effect.all([ask, ask], { concurrency: 2 })
        const [answered, refused] = answers.sort((one, other) => one.status - other.status)
        assert.deepStrictEqual([answered!.status, refused!.status], [200, 503], JSON.stringify(answers))
        assert.include(refused!.text, "--model-residency-max-waiting")
      }))
  )

  test("choose the config file of a model, and the batch size of models without one", [
    "model-config-name",
    "backend-config"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({
        simple: { ...good, configs: { "h100.pbtxt": "max_batch_size: 3\n" } },
        plain: simple.versions
      })
      const server = yield* InProcess.serve([
        models,
        "--model-config-name=h100",
        "--backend-config=default-max-batch-size=7"
      ])
      const size = (name: string) =>
        Effect.map(Child.ask(`${server.url}/v2/models/${name}/config`), ({ text }) => JSON.parse(text).max_batch_size)
      assert.strictEqual(yield* size("simple"), 3)
      assert.strictEqual(yield* size("plain"), 7)
    })))

  test(
    "load models one after the other, and two of one name",
    ["model-load-thread-count", "model-namespacing"],
    () =>
      scoped(Effect.gen(function*() {
        const one = yield* Child.folder({ a: good, b: good })
        const two = yield* Child.folder({ b: good, c: good })
        const server = yield* InProcess.serve([one, two, "--model-load-thread-count=1", "--model-namespacing=true"])
        assert.deepStrictEqual(
          server.out().match(/"(?:loading|successfully loaded)/g),
          Array.from({ length: 4 }, () => ["\"loading", "\"successfully loaded"]).flat()
        )
        assert.strictEqual(server.out().match(/^\| b +\| 1 +\| READY/mg)?.length, 2)

        const refused = yield* InProcess.run(["serve", one, two, "--http-port=0", "--grpc-port=0"])
        assert.strictEqual(refused.code, 1)
        assert.include(refused.err, "failed to poll model 'b': not unique across all model repositories")
      }))
  )

  test("try a version again that fails to load", ["model-load-retry-count"], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ late: { "config.pbtxt": "backend: \"onnxruntime\"\n", 1: {} } })
      const server = yield* InProcess.start([
        "serve",
        models,
        "--http-port=0",
        "--grpc-port=0",
        "--metrics-port=0",
        "--model-load-retry-count=1000000"
      ])
      yield* server.printed(/"loading: late:1"/)
      writeFileSync(join(models, "model.onnx"), Models.simple())
      renameSync(join(models, "model.onnx"), join(models, "late", "1", "model.onnx"))
      yield* server.printed(/"successfully loaded 'late' version 1/)
    })))

  test("end it with 1 when work in flight takes too long", ["exit-timeout-secs"], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* Child.serve([models, "--exit-timeout-secs=1"])
      yield* Child.halfSent(server.url, "/v2/models/simple/infer")
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 1, signal: null })
      assert.include(server.err(), "Exit timeout expired. Exiting immediately.\n")
    })))

  test(
    "end it later, and wait less for what arrives",
    ["exit-drain-ms", "exit-receive-timeout-ms"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const server = yield* Child.serve([models, "--exit-drain-ms=2000", "--exit-receive-timeout-ms=100"])
        yield* Child.halfSent(server.url, "/v2/models/simple/infer")
        const began = performance.now()
        server.process.kill("SIGTERM")
        yield* server.printed(/SIGTERM received/)
        assert.strictEqual((yield* Child.ask(`${server.url}/v2/health/ready`)).status, 400)
        assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
        assert.isAtLeast(performance.now() - began, 1990)
      }))
  )
})

describe("options of HTTP", () => {
  test("choose how many threads accept connections", ["http-front-threads"], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      let threads = 0
      const note = ({ threadName }: Worker) => {
        if (threadName === "galatea-front") threads++
      }
      process.on("worker", note)
      const server = yield* Effect.ensuring(
        InProcess.serve([models, "--http-front-threads=2"]),
        Effect.sync(() => process.off("worker", note))
      )
      assert.strictEqual((yield* Child.ask(`${server.url}/v2/health/ready`)).status, 200)
      assert.strictEqual(threads, 2)
    })))

  test(
    "choose where it listens",
    ["http-address", "http-port", "reuse-http-port", "allow-http"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const first = yield* InProcess.serve([models, "--reuse-http-port=true"])
        const { hostname, port } = new URL(first.url)
        assert.strictEqual(hostname, "127.0.0.1")
        const second = yield* InProcess.serve([models, `--http-port=${port}`, "--reuse-http-port=true"])
        assert.strictEqual(second.url, first.url)
        const busy = yield* InProcess.run([
          "serve",
          models,
          "--http-address=127.0.0.1",
          `--http-port=${port}`,
          "--grpc-port=0",
          "--metrics-port=0"
        ])
        assert.strictEqual(busy.code, 1)
        assert.include(
          busy.err,
          `failed to start HTTP service: Unavailable - Socket '127.0.0.1:${port}' already in use\n`
        )
        const silent = yield* InProcess.start([
          "serve",
          models,
          "--allow-http=false",
          "--allow-grpc=false",
          "--metrics-port=0"
        ])
        yield* silent.printed(/Not listening for requests: --allow-http=false and --allow-grpc=false\..*\n/)
        assert.notInclude(silent.out(), "Started HTTPService")
        assert.match(silent.out(), /Listening for metrics at http:\/\/localhost:\d+\/metrics /)
      }))
  )

  test("bound what it takes", [
    "http-max-input-size",
    "http-max-request-bytes",
    "http-max-header-bytes",
    "http-max-inflight-bytes"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const infer = "/v2/models/simple/infer"
      const server = yield* InProcess.serve([models, "--http-max-input-size=100", "--http-max-header-bytes=1024"])
      const json = yield* Child.ask(`${server.url}${infer}`, body({ inputs }))
      assert.strictEqual(json.status, 400)
      assert.include(
        json.text,
        "exceeds the maximum allowed input size of 100 bytes. Use --http-max-input-size to increase the limit."
      )
      const head = yield* Child.ask(`${server.url}/v2`, { headers: { x: "y".repeat(3000) } })
      assert.strictEqual(head.status, 431)
      const small = yield* InProcess.serve([models, "--http-max-inflight-bytes=64", "--http-max-request-bytes=4096"])
      assert.strictEqual((yield* Child.ask(`${small.url}${infer}`, body({ inputs }))).status, 503)
      const large = yield* Child.ask(`${small.url}${infer}`, { method: "POST", body: "x".repeat(5000) })
      assert.isAtLeast(large.status, 400)
      assert.include(large.text, "4096")
    })))

  test(
    "restrict APIs and forward headers",
    ["http-restricted-api", "http-header-forward-pattern"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const server = yield* InProcess.serve([
          models,
          "--http-restricted-api=metadata,model-config:key=secret",
          "--http-header-forward-pattern=^time"
        ])
        const denied = yield* Child.ask(`${server.url}/v2`)
        assert.strictEqual(denied.status, 403)
        assert.include(denied.text, "This API is restricted, expecting header 'key'")
        assert.strictEqual((yield* Child.ask(`${server.url}/v2`, { headers: { key: "secret" } })).status, 200)
        const forwarded = yield* Child.ask(`${server.url}/v2/models/simple/infer`, {
          ...body({ inputs }),
          headers: { timeout: "5" }
        })
        assert.strictEqual(forwarded.status, 400)
        assert.include(forwarded.text, "Header 'timeout' is reserved for Triton usage and cannot be forwarded.")
      }))
  )

  test("tell where the time of an answer went", ["http-server-timing"], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const timing = (server: { readonly url: string }) =>
        Effect.promise(async () => {
          const answer = await fetch(`${server.url}/v2/models/simple/infer`, body({ inputs }))
          assert.strictEqual(answer.status, 200)
          return answer.headers.get("server-timing")
        })
      assert.isNull(yield* timing(yield* InProcess.serve([models])))
      const pattern = /^queue;dur=\d+(\.\d+)?, .*compute_infer;dur=\d+(\.\d+)?, .*batch;desc="1"$/
      assert.match((yield* timing(yield* InProcess.serve([models, "--http-server-timing=true"])))!, pattern)
      const variables = { GALATEA_HTTP_SERVER_TIMING: "on" }
      assert.match((yield* timing(yield* InProcess.serve([models], { variables })))!, pattern)
    })))

  test("let pages of other origins ask", ["http-cors-allow-origin"], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const origin = "https://app.example"
      const allowed = (server: { readonly url: string }, from: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const answer = await fetch(`${server.url}/v2`, { ...init, headers: { ...init.headers, origin: from } })
          await answer.arrayBuffer()
          return ["access-control-allow-origin", "access-control-allow-headers", "vary"].map((name) =>
            answer.headers.get(name)
          )
        })
      const preflight = {
        method: "OPTIONS",
        headers: { "access-control-request-method": "POST", "access-control-request-headers": "key" }
      }
      assert.deepStrictEqual(yield* allowed(yield* InProcess.serve([models]), origin), [null, null, null])
      const one = yield* InProcess.serve([
        models,
        `--http-cors-allow-origin=${origin}`,
        "--http-restricted-api=metadata:key=s"
      ])
      assert.deepStrictEqual(yield* allowed(one, origin), [origin, null, "Origin"], "the 403 too")
      assert.deepStrictEqual(yield* allowed(one, origin, preflight), [origin, "key", "Origin"])
      assert.deepStrictEqual(yield* allowed(one, "https://other.example"), [null, null, "Origin"])
      const variables = { GALATEA_HTTP_CORS_ALLOW_ORIGIN: `${origin},*` }
      const any = yield* InProcess.serve([models], { variables })
      assert.deepStrictEqual(yield* allowed(any, "https://other.example"), ["*", null, null])
      const refused = yield* InProcess.run(["serve", models, "--http-cors-allow-origin=app.example/path"])
      assert.strictEqual(refused.code, 1)
      assert.include(
        refused.err,
        "Expected an origin without a path, such as https://app.example, or *, got: app.example/path"
      )
    })))

  test(
    "serve the console to this machine, to everybody, or to nobody",
    ["console"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const statuses = (server: { readonly url: string }) =>
          Effect.forEach(
            [{}, { Forwarded: "for=203.0.113.7" }],
            (headers) => Effect.map(Child.ask(`${server.url}/v2/console`, { headers }), ({ status }) => status)
          )
        assert.deepStrictEqual(yield* statuses(yield* InProcess.serve([models])), [200, 404])
        assert.deepStrictEqual(yield* statuses(yield* InProcess.serve([models, "--console=true"])), [200, 200])
        const variables = { GALATEA_CONSOLE: "false" }
        assert.deepStrictEqual(yield* statuses(yield* InProcess.serve([models], { variables })), [404, 404])
        const refused = yield* InProcess.run(["serve", models, "--console=maybe"])
        assert.strictEqual(refused.code, 1)
        assert.include(refused.err, "Got maybe\nExpected one of auto, true, false.")
      }))
  )

  test(
    "serve RPC, or not, and bound its messages",
    ["allow-rpc", "rpc-max-message-bytes"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const live = "{\"_tag\":\"Request\",\"id\":1,\"tag\":\"ServerLive\",\"payload\":null,\"headers\":[]}\n"
        const call = (url: string) =>
          Child.ask(`${url}/rpc`, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: live })
        const without = yield* InProcess.serve([models, "--allow-rpc=false"])
        assert.strictEqual((yield* call(without.url)).status, 404)
        const server = yield* InProcess.serve([models, "--rpc-max-message-bytes=100"])
        assert.deepStrictEqual(yield* call(server.url), {
          status: 200,
          text: "{\"_tag\":\"Exit\",\"requestId\":1,\"exit\":{\"_tag\":\"Success\",\"value\":true}}\n"
        })
        /** Sends one message; the answer, or the code with which the connection was closed. */
        const send = (text: string) =>
          Effect.callback<string | number>((resume) => {
            const socket = new WebSocket(`${server.url.replace("http", "ws")}/rpc`)
            socket.addEventListener("open", () => socket.send(text))
            socket.addEventListener("message", ({ data }) => resume(Effect.succeed(String(data))))
            socket.addEventListener("close", ({ code }) => resume(Effect.succeed(code)))
            return Effect.sync(() => socket.close())
          })
        assert.include(String(yield* send(live)), "\"value\":true")
        assert.strictEqual(yield* send(live.padStart(101)), 1009)
      }))
  )

  test("limit connections, requests and times", [
    "http-max-connections",
    "http-max-inflight-requests",
    "http-header-timeout-ms",
    "http-body-timeout-ms",
    "http-request-timeout-ms",
    "http-idle-timeout-ms"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* InProcess.serve([
        models,
        "--http-max-connections=3",
        "--http-max-inflight-requests=1",
        "--http-header-timeout-ms=1000",
        "--http-body-timeout-ms=1500",
        "--http-request-timeout-ms=5000",
        "--http-idle-timeout-ms=1000"
      ])
      const { hostname, port } = new URL(server.url)
      /** Everything that comes back, once the server has closed the connection. */
      const talk = (text: string) =>
        Effect.callback<string>((resume) => {
          let received = ""
          const socket = connectSocket(Number(port), hostname, () => socket.write(text))
          socket.setEncoding("latin1").on("data", (piece: string) => received += piece)
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.succeed(received)))
          return Effect.sync(() => socket.destroy())
        })
      const [head, idle] = yield* Effect.all([talk("GET /v2 HTT"), talk("GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")], {
        concurrency: 2
      })
      assert.match(head, /^HTTP\/1\.1 408 /)
      assert.match(idle, /^HTTP\/1\.1 200 /)
      const post = "POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
      // Both are there at once, which is the first the network decides.
      const answers = yield* Effect.all([talk(post), talk(post)], { concurrency: 2 })
      assert.deepStrictEqual(answers.map((text) => text.slice(0, 13)).sort(), ["HTTP/1.1 408 ", "HTTP/1.1 503 "])
      const many = yield* Effect.all(Array.from({ length: 4 }, () => talk("")), { concurrency: 4 })
      assert.isTrue(many.includes(""), "one connection too many is closed without a word")
    })))
})

accessOptions(test)
grpcOptions(test)
tlsOptions(test)

sourceOptions(test)

gpuOptions(test)

traceOptions(test)

describe("options of metrics", () => {
  const metricsAt = (server: { readonly out: () => string }): string => /metrics at (\S+)/.exec(server.out())![1]!
  const families = (text: string): Array<string> => Array.from(text.matchAll(/^# TYPE (\S+)/mg), ([, name]) => name!)
  const value = (text: string, series: string): number =>
    Number(text.split("\n").find((line) => line.startsWith(`${series} `))!.slice(series.length))

  test(
    "choose where it listens",
    ["allow-metrics", "metrics-address", "metrics-port"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const silent = yield* InProcess.serve([models, "--allow-metrics=false"])
        assert.notInclude(silent.out(), "Started Metrics Service")
        assert.notInclude(silent.out(), "metrics at")

        const same = yield* InProcess.serve([models])
        assert.match(same.out(), /\] "Started Metrics Service at 127\.0\.0\.1:\d+"\n/)
        assert.match(metricsAt(same), /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
        const own = yield* InProcess.serve([models, "--metrics-address=127.0.0.2"])
        const url = metricsAt(own)
        assert.match(url, /^http:\/\/127\.0\.0\.2:/)
        assert.strictEqual((yield* Child.ask(url)).status, 200)

        const { port } = new URL(url)
        const busy = yield* InProcess.run([
          "serve",
          models,
          "--http-address=127.0.0.1",
          "--http-port=0",
          "--grpc-port=0",
          "--metrics-address=127.0.0.2",
          `--metrics-port=${port}`
        ])
        assert.strictEqual(busy.code, 1)
        assert.include(
          busy.err,
          `failed to start Metrics service: Unavailable - Socket '127.0.0.2:${port}' already in use\n`
        )
      }))
  )

  test("choose what is shown, and how often it is looked at", [
    "allow-cpu-metrics",
    "metrics-interval-ms",
    "metrics-config"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const plain = yield* InProcess.serve([models, "--metrics-interval-ms=2000000"])
      const first = (yield* Child.ask(metricsAt(plain))).text
      const names = families(first)
      assert.include(names, "nv_inference_queue_duration_us")
      assert.include(names, "nv_cpu_memory_used_bytes")
      assert.deepStrictEqual(names.filter((name) => /summary_us|first_response/.test(name)), [])

      const other = yield* InProcess.serve([
        models,
        "--allow-cpu-metrics=false",
        "--metrics-interval-ms=10",
        "--metrics-config=counter_latencies=false",
        "--metrics-config=histogram_latencies=true",
        "--metrics-config=summary_latencies=true",
        "--metrics-config=summary_quantiles=0.25:0.1"
      ])
      yield* Child.ask(`${other.url}/v2/models/simple/infer`, body({ inputs }))
      const changed = (yield* Child.ask(metricsAt(other))).text
      assert.notInclude(changed, "nv_cpu_")
      const latencies = names.filter((name) => /^nv_inference_.*_duration_us$/.test(name))
      assert.strictEqual(latencies.length, 5)
      assert.sameMembers(families(changed), [
        ...names.filter((name) => !latencies.includes(name) && !name.startsWith("nv_cpu_")),
        ...latencies.map((name) => name.replace("duration_us", "summary_us")),
        "nv_inference_first_response_histogram_ms"
      ])
      assert.include(changed, "nv_inference_queue_summary_us{model=\"simple\",version=\"1\",quantile=\"0.25\"} ")
      assert.notInclude(changed, "version=\"1\",quantile=\"0.5\"}")

      // The loop is looked at every 10 ms there, and was once here: at the start, before anything was measured.
      const loop = "galatea_event_loop_delay_seconds_count"
      while (value((yield* Child.ask(metricsAt(other))).text, loop) === 0) yield* Effect.sleep("10 millis")
      const again = (yield* Child.ask(metricsAt(plain))).text
      assert.strictEqual(value(again, loop), 0)
      assert.strictEqual(value(again, "nv_cpu_memory_used_bytes"), value(first, "nv_cpu_memory_used_bytes"))
    })))
})

describe("options of the log", () => {
  test("choose form, levels and place", [
    "log-format",
    "log-verbose",
    "log-info",
    "log-warning",
    "log-error",
    "log-file"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ good, broken })
      const common = [
        "serve",
        models,
        "--exit-on-error=false",
        "--http-port=0",
        "--http-address=127.0.0.1",
        "--grpc-port=0",
        "--metrics-port=0"
      ]
      const file = join(models, "log.txt")
      const logged = yield* InProcess.start([
        ...common,
        "--http-thread-count=2",
        "--log-format=ISO8601",
        "--log-verbose=true",
        `--log-file=${file}`
      ])
      yield* logged.printed(/\/infer'/)
      yield* eventually(() => readFileSync(file, "utf8"), (text) => text.includes("\"ready after"))
      const lines = readFileSync(file, "utf8").trimEnd().split("\n")
      for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [IWE] \d+ \S+:\d+\] ".*"$/)
      assert.strictEqual(logged.err(), "")

      const port = yield* Child.freePort
      const quiet = yield* InProcess.start([
        ...common,
        `--http-port=${port}`,
        "--http-thread-count=2",
        "--log-info=0",
        "--log-warning=0",
        "--log-error=0"
      ])
      // Nothing that is printed tells when it is up.
      while (!(yield* Child.isLive(`http://127.0.0.1:${port}`))) yield* Effect.sleep("50 millis")
      assert.strictEqual(yield* quiet.end, 0)
      assert.strictEqual(quiet.out() + quiet.err(), "")
    })))

  test(
    "tell of requests, and bound what a line and the lines that wait may take",
    ["log-requests", "log-max-message-length", "log-buffer-bytes"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const server = yield* InProcess.serve([
          models,
          "--log-requests=failed",
          "--log-max-message-length=256",
          "--log-buffer-bytes=65536"
        ])
        yield* Child.ask(`${server.url}/v2/models/simple/infer`, body({ id: "good", inputs }))
        const long = "m".repeat(1000)
        yield* Child.ask(`${server.url}/v2/models/${long}/infer`, body({ id: "bad", inputs }))
        const [line] = yield* server.printed(/^W.*request failed: .*$/m)
        assert.match(line, /: 'm{200,}… \(\d+ more characters\) protocol=http model=m{255}… status=404/)
        assert.notInclude(server.out() + server.err(), "request answered")
      }))
  )
})

describe("options of execution", () => {
  test("are accepted and models still run", [
    "max-queue-size",
    "tensor-memory-idle-bytes",
    "instance-stall-timeout-secs",
    "instance-max-memory-megabytes",
    "instance-max-growth-megabytes",
    "instance-breaker-losses",
    "instance-breaker-window-secs",
    "instance-breaker-pause-secs",
    "model-isolation",
    "inline-max-run-microseconds",
    "inline-max-open-ms",
    "inline-turn-microseconds",
    "instance-heartbeat-timeout-ms",
    "instance-heap-megabytes",
    "instance-log-lines",
    "instance-cores"
  ], () =>
    scoped(Effect.gen(function*() {
      const models = yield* Child.folder({ simple: good })
      const server = yield* Child.serve([
        models,
        "--max-queue-size=1",
        "--tensor-memory-idle-bytes=0",
        "--instance-stall-timeout-secs=5",
        "--instance-max-memory-megabytes=4096",
        "--instance-max-growth-megabytes=1024",
        "--instance-breaker-losses=3",
        "--instance-breaker-window-secs=5",
        "--instance-breaker-pause-secs=5",
        "--model-isolation=process",
        "--inline-max-run-microseconds=80",
        "--inline-max-open-ms=5",
        "--inline-turn-microseconds=500",
        "--instance-heartbeat-timeout-ms=8000",
        "--instance-heap-megabytes=64",
        "--instance-log-lines=1",
        "--instance-cores=1"
      ])
      const answer = yield* Child.ask(`${server.url}/v2/models/simple/infer`, body({ inputs }))
      assert.strictEqual(answer.status, 200)
      assert.deepStrictEqual(JSON.parse(answer.text).outputs[0].data, data.map((value) => 2 * value))
      const pids = yield* Effect.sync(() => childrenOf(server.process.pid!))
      assert.isTrue(
        pids.some((pid) => /process\/Host\.[jt]s.1.1000/s.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")))
      )
    })))
})

/** Milliseconds, of the next hundred, in which this thread sleeps. */
const slept = Effect.suspend(() => {
  const before = performance.eventLoopUtilization()
  return Effect.map(Effect.sleep("100 millis"), () => performance.eventLoopUtilization(before).idle)
})

describe.runIf(availableParallelism() > 1)("options of threads that answer", () => {
  for (const protocol of ["HTTP", "gRPC"]) {
    test(
      `say how long they stay awake after an answer over ${protocol}`,
      ["stay-awake-microseconds"],
      () =>
        scoped(Effect.gen(function*() {
          const models = yield* Child.folder({ simple: good })
          const sleepAfter = (option: string) =>
            Effect.scoped(Effect.gen(function*() {
              const server = yield* InProcess.serve([models, option])
              if (protocol === "HTTP") {
                assert.strictEqual((yield* Child.ask(`${server.url}/v2/health/ready`)).status, 200)
              } else {
                const client = yield* connect(Number(/gRPC at \S+:(\d+)\b/.exec(server.out())![1]))
                assert.strictEqual((yield* client.unary("ServerReady", new Uint8Array(0))).status, 0)
              }
              return yield* slept
            }))
          // What a server before it has kept awake is this same thread.
          yield* Effect.repeat(slept, { until: (millis) => millis > 50 })
          assert.isAbove(yield* sleepAfter("--stay-awake-microseconds=0"), 50)
          assert.isBelow(yield* sleepAfter("--stay-awake-microseconds=1000000"), 50)
        }))
    )
  }
})

describe("options of rollouts", () => {
  test(
    "bound what runs in the shadow",
    ["shadow-max-inflight-requests", "shadow-max-inflight-bytes"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({
          m: {
            "config.pbtxt": "version_policy { all { } }",
            "rollout.json": `{"traffic": {"1": 1}, "shadow": {"to": 2, "share": 1}}`,
            1: { "model.onnx": Models.scaled(1) },
            2: { "model.onnx": Models.scaled(2) }
          }
        })
        const request = body({ inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] })
        // A request has 16 bytes of inputs and 16 of outputs.
        for (
          const [option, dropped] of [
            ["--shadow-max-inflight-requests=0", true],
            ["--shadow-max-inflight-bytes=31", true],
            ["--shadow-max-inflight-bytes=32", false]
          ] as const
        ) {
          const server = yield* InProcess.serve([models, option])
          assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/m/infer`, request)).status, 200)
          const counts = () =>
            Effect.map(
              Child.ask(`${server.url}/v2/models/m/rollout`),
              ({ text }) => JSON.parse(text).shadow.requests as Readonly<Record<string, number>>
            )
          while (Object.values(yield* counts()).every((count) => count === 0)) yield* Effect.sleep("10 millis")
          const { different, dropped: left } = yield* counts()
          assert.deepStrictEqual([different, left], dropped ? [0, 1] : [1, 0], option)
        }
      }))
  )
})

describe("options of batching", () => {
  test(
    "split and join requests of more rows than the model takes",
    ["split-oversized-batches"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const rows = 11
        const many = Array.from({ length: rows * 16 }, (_, i) => i)
        const request = body({ inputs: inputs.map((input) => ({ ...input, shape: [rows, 16], data: many })) })
        const whole = yield* InProcess.serve([models])
        assert.include(
          (yield* Child.ask(`${whole.url}/v2/models/simple/infer`, request)).text,
          "inference request batch-size must be <="
        )
        const split = yield* InProcess.serve([models, "--split-oversized-batches=true"])
        const [output] = JSON.parse((yield* Child.ask(`${split.url}/v2/models/simple/infer`, request)).text).outputs
        assert.deepStrictEqual(output.shape, [rows, 16])
        assert.deepStrictEqual(output.data, many.map((value) => 2 * value))
      }))
  )
})

describe("options of sequences", () => {
  test(
    "bound those that wait for a slot, and give those that live some time at the end",
    ["sequence-max-backlog", "sequence-drain-ms"],
    () =>
      scoped(Effect.gen(function*() {
        const config = Sequences.accumulatorConfig({
          maxBatchSize: 1,
          batching: "direct { } max_sequence_idle_microseconds: 3600000000"
        })
        const models = yield* Child.folder({
          sum: { "config.pbtxt": config, 1: { "model.onnx": Sequences.accumulator() } }
        })
        const server = yield* InProcess.serve([
          models,
          "--sequence-max-backlog=1",
          "--sequence-drain-ms=0",
          "--exit-timeout-secs=5"
        ])
        const step = (sequence_id: number, sequence_start: boolean) =>
          Child.ask(
            `${server.url}/v2/models/sum/infer`,
            body({
              parameters: { sequence_id, sequence_start },
              inputs: [{ name: "INPUT", shape: [1, 1], datatype: "INT32", data: [sequence_id] }]
            })
          )
        const first = yield* step(1, true)
        assert.deepStrictEqual(JSON.parse(first.text).outputs[0].data, [1])
        // One of them waits, the other one is too much; which is which the network decides.
        const refused = yield* Effect.raceFirst(step(2, true), step(3, true))
        assert.strictEqual(refused.status, 503)
        assert.include(refused.text, "the backlog of model 'sum' is full: 1 requests of sequences wait for a slot")
        // Sequence 1 would live for another hour.
        assert.strictEqual(yield* server.end, 0)
      }))
  )
})

describe("options of shared memory", () => {
  test(
    "let clients register some of it",
    ["allow-client-shm", "client-shm-max-regions", "client-shm-max-bytes"],
    () =>
      scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: good })
        const key = `/options_of_galatea_${process.pid}`
        yield* Effect.acquireRelease(
          Effect.sync(() => writeFileSync(`/dev/shm${key}`, new Uint8Array(1000))),
          () => Effect.sync(() => rmSync(`/dev/shm${key}`))
        )
        const server = yield* Child.serve([
          models,
          "--allow-client-shm=true",
          "--client-shm-max-regions=2",
          "--client-shm-max-bytes=100"
        ])
        const register = (name: string, byte_size: number) =>
          Child.ask(`${server.url}/v2/systemsharedmemory/region/${name}/register`, body({ key, byte_size }))
        const [one, large, two, three] = yield* Effect.all([
          register("one", 60),
          register("large", 41),
          register("two", 40),
          register("three", 1)
        ])
        assert.deepStrictEqual([one.status, two.status], [200, 200])
        assert.include(large.text, "raise --client-shm-max-bytes")
        assert.include(three.text, "raise --client-shm-max-regions")
      }))
  )
})

describe("options of custom models", () => {
  test("decide whether any may run", ["custom-models"], () =>
    scoped(Effect.gen(function*() {
      const config = "platform: \"custom\" input { name: \"X\" data_type: TYPE_FP32 dims: [ 1 ] } " +
        "output { name: \"Y\" data_type: TYPE_FP32 dims: [ 1 ] }"
      const models = yield* Child.folder({
        echo: { "config.pbtxt": config, 1: { "model.mjs": "export default ({ X }) => [{ ...X, name: \"Y\" }]\n" } }
      })
      const none = yield* InProcess.run(["serve", models, "--custom-models=none"])
      assert.strictEqual(none.code, 1)
      assert.include(`${none.out}${none.err}`, "this server runs none (--custom-models=none)")
      const server = yield* InProcess.serve([models, "--custom-models=local"])
      const answer = yield* Child.ask(
        `${server.url}/v2/models/echo/infer`,
        body({ inputs: [{ name: "X", shape: [1], datatype: "FP32", data: [5] }] })
      )
      assert.deepStrictEqual(JSON.parse(answer.text).outputs[0].data, [5])
    })))
})

describe("options of the rate limiter", () => {
  test(
    "decide whether instances need resources, and how much of them there is",
    ["rate-limit", "rate-limit-resource"],
    () =>
      scoped(Effect.gen(function*() {
        const group = "instance_group [ { kind: KIND_CPU rate_limiter { resources [ { name: \"R\" count: 2 } ] } } ]\n"
        const models = yield* Child.folder({
          other: good,
          simple: { ...good, "config.pbtxt": `${simple.config}${group}` }
        })
        const status = Effect.fnUntraced(function*(...words: ReadonlyArray<string>) {
          const server = yield* InProcess.serve([models, "--exit-on-error=false", ...words])
          assert.notInclude(server.err(), "has no effect")
          return (yield* Child.ask(`${server.url}/v2/models/simple/infer`, body({ inputs }))).status
        })
        assert.strictEqual(yield* status("--rate-limit-resource=R:1"), 200)
        assert.strictEqual(yield* status("--rate-limit=execution_count"), 200)
        assert.strictEqual(yield* status("--rate-limit=execution_count", "--rate-limit-resource=R:2"), 200)
        assert.strictEqual(yield* status("--rate-limit=execution_count", "--rate-limit-resource=R:1"), 404)
      }))
  )
})

describe("options of the response cache", () => {
  test(
    "give models one that ask for it",
    ["cache-config", "response-cache-byte-size"],
    () =>
      scoped(Effect.gen(function*() {
        const cached = { ...good, "config.pbtxt": `${simple.config}response_cache { enable: true }\n` }
        const models = yield* Child.folder({ cached, simple: good })
        const hits = Effect.fnUntraced(function*(words: ReadonlyArray<string>, model: string) {
          const server = yield* InProcess.serve([models, ...words])
          const url = `${server.url}/v2/models/${model}`
          const first = yield* Child.ask(`${url}/infer`, body({ inputs }))
          assert.strictEqual(first.status, 200)
          assert.strictEqual((yield* Child.ask(`${url}/infer`, body({ inputs }))).text, first.text)
          const [stats] = JSON.parse((yield* Child.ask(`${url}/stats`)).text).model_stats
          assert.strictEqual(stats.inference_stats.success.count, 2)
          assert.notInclude(server.err(), "has no effect")
          return stats.inference_stats.cache_hit.count
        })
        assert.strictEqual(yield* hits(["--cache-config=local,size=1048576"], "cached"), 1)
        assert.strictEqual(yield* hits(["--response-cache-byte-size=1048576"], "cached"), 1)
        assert.strictEqual(yield* hits(["--cache-config=local,size=200"], "cached"), 0)
        assert.strictEqual(yield* hits(["--cache-config=local,size=1048576"], "simple"), 0)
        assert.strictEqual(yield* hits([], "cached"), 0)
        const wrong = yield* InProcess.run(["serve", models, "--cache-config=loca,size=1"])
        assert.strictEqual(wrong.code, 1)
        assert.include(wrong.err, "There is no cache 'loca'")
      }))
  )
})

describe("every option", () => {
  it("is seen by a test of this file", () => {
    for (const { name } of [...cases, ...ownCases]) assert.isTrue(seen.has(name), name)
  })
})
