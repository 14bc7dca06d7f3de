/** `galatea top` against a running server. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "./Child.ts"
import * as InProcess from "./InProcess.ts"

const body = JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({
    name,
    shape: [2, 16],
    datatype: "INT32",
    data: Array.from({ length: 32 }, (_, i) => i)
  }))
})

const repository = { simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } } }

/** A server whose every sentence and name has control characters. */
const hostile = Effect.gen(function*() {
  const nasty = "x\u001b]0;title\u0007\u001b[31m\u202e"
  const server = createServer((request, response) => {
    if (request.url === "/metrics") {
      const name = "nv_inference_request_success"
      response.end(`# TYPE ${name} counter\n${name}{model="${nasty}",version="1"} 1\n`)
    } else {
      response.writeHead(500, { "Content-Type": "application/json" })
      response.end(JSON.stringify({ error: nasty }))
    }
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

describe("galatea top", () => {
  it.live("shows what the models of a server do, and says where there are no metrics", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder(repository)
      const server = yield* InProcess.serve([models])
      const infer = Child.ask(`${server.url}/v2/models/simple/infer`, { method: "POST", body })
      const traffic = yield* Effect.forkChild(Effect.forever(infer))
      yield* infer
      const { code, err, out } = yield* InProcess.run([
        "top",
        `--url=${server.url}`,
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
      const missing = yield* InProcess.run([
        "top",
        `--url=${server.url}`,
        `--metrics-url=${server.url}/metrics`,
        "--once"
      ])
      assert.deepStrictEqual([missing.code, missing.out], [1, ""])
      assert.match(missing.err, /^galatea top: http:\S+\/metrics answered 404\. Metrics are on a port of their own/)
    })))

  it.live("shows no figures of another server", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder(repository)
      // They are told apart by their processes.
      const [one, other, silent] = yield* Effect.all([
        Child.serve([models]),
        Child.serve([models]),
        Child.serve([models, "--allow-metrics=false"])
      ], { concurrency: 3 })
      const metricsOf = (server: Child.Child) => new URL(/metrics at (\S+)/.exec(server.out())![1]!).host
      const grpc = /gRPC at (\S+)/.exec(one.out())![1]!
      const top = (url: string, ...more: ReadonlyArray<string>) =>
        InProcess.run(["top", `--url=${url}`, "--once", "--interval=0.1", ...more])

      const own = yield* top(one.url, `--metrics-url=${metricsOf(one)}`)
      assert.deepStrictEqual([own.code, own.err], [0, ""])
      assert.include(own.out, `Z   ${one.url}   1 model   `)
      const refused = [
        [
          yield* top(one.url, `--metrics-url=${metricsOf(other)}`),
          /are of another server than http:\S+, which has its own on/
        ],
        [
          yield* top(silent.url, `--metrics-url=${metricsOf(other)}`),
          /are of another server: the one at http:\S+ has none/
        ],
        [yield* top(silent.url), /The server at http:\S+ has no metrics/],
        [yield* top(grpc, `--metrics-url=${metricsOf(one)}`), /does not speak HTTP\/1\.1 and may be a gRPC port/],
        [
          yield* top(`127.0.0.1:${yield* Child.freePort}`, `--metrics-url=${metricsOf(one)}`),
          /No answer from http:\S+ \(ECONNREFUSED\)/
        ]
      ] as const
      for (const [{ code, err, out }, words] of refused) {
        assert.deepStrictEqual([code, out], [1, ""])
        assert.match(err, words)
      }
    })))

  it.live("ends as other programs do when nobody reads on, and by a signal", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* InProcess.serve([yield* Child.folder(repository)])
      const words = ["top", `--url=${url}`, "--interval=0.1"]
      const reader = yield* Child.start(words)
      yield* reader.printed(/MODEL/)
      reader.process.stdout!.destroy()
      assert.deepStrictEqual([yield* reader.ended, reader.err()], [{ code: 141, signal: null }, ""])
      for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
        const child = yield* Child.start(words)
        yield* child.printed(/MODEL/)
        child.process.kill(signal)
        assert.deepStrictEqual(yield* child.ended, { code, signal: null })
      }
    })))

  it.live("shows the control characters of a hostile server, as do the other commands", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* hostile
      const shown = "\\u001b]0;title\\u0007\\u001b[31m\\u202e"
      for (
        const words of [
          ["top", `--url=${url}`, `--metrics-url=${url}/metrics`, "--once", "--interval=0.1"],
          ["models", `--url=${url}`],
          ["explain", "x", `--url=${url}`],
          ["infer", "x", "--input=1", `--url=${url}`],
          ["codegen", url]
        ]
      ) {
        const { err, out } = yield* InProcess.run(words)
        assert.include(out + err, shown, words[0])
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/, words[0])
      }
    })))
})
