/** How the server ends: a process of its own, real sockets, real signals. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import { connectRpc } from "../../../src/client/RpcPromiseClient.ts"
import { HealthCheckRequest, HealthCheckResponse } from "../../../src/schema/proto/HealthService.ts"
import { ModelInferRequest } from "../../../src/schema/proto/InferFields.ts"
import * as WireFormat from "../../../src/schema/proto/WireFormat.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Grpc from "../grpc/Client.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"

const models = Child.folder({
  simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } },
  busy: { "config.pbtxt": "max_batch_size: 8\ninstance_group { count: 1 }\n", 1: { "model.onnx": Models.busy() } }
})

const serve = (...options: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const server = yield* Child.serve([yield* models, ...options])
    return { ...server, grpc: `127.0.0.1:${/gRPC at \S+:(\d+)\b/.exec(server.out())![1]}` }
  })

const numbers = Array.from({ length: 16 }, (_, i) => i)
const inferBody = JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data: numbers }))
})
const busyBody = (iterations: number) =>
  JSON.stringify({ inputs: [{ name: "ITERATIONS", shape: [1, 1], datatype: "FP32", data: [iterations] }] })

interface Answer {
  readonly status: number
  readonly text: string
  /** The server closes the connection behind it. */
  readonly closes: boolean
}

const post = (url: string, body: string | undefined, agent: Agent | undefined): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: body === undefined ? "GET" : "POST", agent }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
      response.on("error", reject)
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, text, closes: response.headers.connection === "close" })
      )
    })
    sent.on("error", reject)
    sent.end(body)
  })

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Asks again and again as long as the server says that it is ready, which is looked up every 50 ms. */
class Load {
  answered = 0
  readonly failures: Array<string> = []
  private ready = true
  private readonly isReady: () => Promise<boolean>
  private readonly ask: ReadonlyArray<() => Promise<void>>

  constructor(isReady: () => Promise<boolean>, ask: ReadonlyArray<() => Promise<void>>) {
    this.isReady = isReady
    this.ask = ask
  }

  /** Ends when every client has stopped. */
  async run(): Promise<void> {
    const look = async () => {
      while (this.ready) {
        this.ready = await this.isReady().catch(() => false)
        await pause(50)
      }
    }
    const client = async (ask: () => Promise<void>) => {
      while (this.ready) {
        await ask().then(() => this.answered++, (error: unknown) => this.failures.push(String(error)))
      }
    }
    await Promise.all([look(), ...this.ask.map(client)])
  }
}

/** Waits until so many requests of the model `busy` run or wait to. */
const untilPending = (server: Child.Child, count: number) =>
  Effect.promise(async () => {
    const url = /metrics at (\S+)/.exec(server.out())![1]!
    for (;;) {
      const { text } = await post(url, undefined, undefined)
      const rows = text.matchAll(/^galatea_(?:executing_instances|pending_requests)\{[^}]*model="busy"[^}]*\} (\d+)$/gm)
      let found = 0
      for (const [, value] of rows) found += Number(value)
      if (found >= count) return
      await pause(20)
    }
  })

/** A connection that has sent half of a request, and all that comes back on it until it ends. */
const halfSent = (url: string) =>
  Effect.gen(function*() {
    let text = ""
    let onEnd: (() => void) | undefined
    let ended = false
    const socket = yield* Child.halfSent(url, "/v2/models/simple/infer")
    socket.on("data", (chunk: string) => text += chunk)
    socket.on("close", () => {
      ended = true
      onEnd?.()
    })
    return Effect.callback<string>((resume) => {
      onEnd = () => resume(Effect.succeed(text))
      if (ended) onEnd()
    })
  })

describe("the end of the server", () => {
  it.live(
    "fails no request of clients that honour readiness, under load",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* serve("--exit-drain-ms=3000")
        const inferUrl = `${server.url}/v2/models/simple/infer`
        let closing = 0
        const overHttp = Array.from({ length: 12 }, () => {
          const agent = new Agent({ keepAlive: true, maxSockets: 1 })
          return async () => {
            const { closes, status } = await post(inferUrl, inferBody, agent)
            if (status !== 200) throw new Error(`HTTP ${status}`)
            if (closes) closing++
          }
        })
        const clients = Array.from({ length: 4 }, () => connectGrpc(server.grpc, { retry: false }))
        const watcher = connectGrpc(server.grpc, { retry: false })
        yield* Effect.addFinalizer(() =>
          Effect.promise(() => Promise.all([...clients, watcher].map((one) => one.close())))
        )
        const row = Int32Array.from(numbers)
        const tensor = { datatype: "INT32", shape: [1, 16], data: row } as const
        const overGrpc = clients.map((client) => async () => {
          await client.infer("simple", { INPUT0: tensor, INPUT1: tensor })
        })
        const http = new Load(
          async () => (await post(`${server.url}/v2/health/ready`, undefined, undefined)).status === 200,
          overHttp
        )
        const grpc = new Load(() => watcher.serverReady(), overGrpc)
        const done = Promise.all([http.run(), grpc.run()])
        yield* eventually(() => Math.min(http.answered, grpc.answered), (count) => count >= 50)
        const idle = yield* Effect.promise(() => {
          const agent = new Agent({ keepAlive: true, maxSockets: 1 })
          return post(`${server.url}/v2/health/live`, undefined, agent).then(() => agent)
        })
        const [socket] = Object.values(idle.freeSockets)[0]!
        const closed = new Promise<number>((resolve) => socket!.once("close", () => resolve(performance.now())))
        const before = http.answered + grpc.answered
        const at = performance.now()
        server.process.kill("SIGTERM")
        yield* Effect.promise(() => done)
        assert.deepStrictEqual([http.failures, grpc.failures], [[], []])
        assert.isAbove(http.answered + grpc.answered, before, "some were asked after the signal")
        assert.isAbove(closing, 0, "connections end while the server departs")
        assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
        assert.isAtLeast(performance.now() - at, 2990, "it waits as long as it was told")
        assert.isAtLeast((yield* Effect.promise(() => closed)) - at, 2990, "idle connections are closed at the end")
      }))
  )

  it.live("is announced at every door, while requests are still taken", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve("--exit-drain-ms=600000")
      const health = yield* Grpc.connect(Number(server.grpc.split(":")[1]))
      const rpc = connectRpc(server.url)
      const grpc = connectGrpc(server.grpc, { retry: false })
      yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all([rpc.close(), grpc.close()])))
      assert.isTrue(yield* Effect.promise(() => grpc.serverReady()))
      assert.isTrue(yield* Effect.promise(() => rpc.serverReady()))
      server.process.kill("SIGTERM")
      yield* server.printed(/SIGTERM received, not ready any more, taking requests for another 600000 ms/)

      const ready = yield* Effect.promise(() => post(`${server.url}/v2/health/ready`, undefined, undefined))
      assert.deepStrictEqual([ready.status, ready.closes], [400, true])
      assert.isFalse(yield* Effect.promise(() => grpc.serverReady()))
      assert.isFalse(yield* Effect.promise(() => rpc.serverReady()))
      const fresh = yield* Grpc.connect(Number(server.grpc.split(":")[1]))
      const check = yield* fresh.unary("/grpc.health.v1.Health/Check", WireFormat.encode(HealthCheckRequest, {}))
      assert.strictEqual(check.status, 0)
      assert.include(JSON.stringify(WireFormat.decode(HealthCheckResponse, check.messages[0]!)), "NOT_SERVING")
      assert.strictEqual(
        (yield* Effect.promise(() => post(`${server.url}/v2/health/live`, undefined, undefined))).status,
        200
      )

      const answer = yield* Effect.promise(() => post(`${server.url}/v2/models/simple/infer`, inferBody, undefined))
      assert.deepStrictEqual([answer.status, answer.closes], [200, true])
      yield* eventually(() => health.session.closed, (sentElsewhere) => sentElsewhere)
      server.process.kill("SIGTERM")
      assert.deepStrictEqual(yield* server.ended, { code: 143, signal: null })
    })))

  it.live("waits for what is running and what is queued", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve("--exit-timeout-secs=600")
      const url = `${server.url}/v2/models/busy/infer`
      const asked = Array.from({ length: 2 }, () => post(url, busyBody(50_000), undefined))
      yield* untilPending(server, 2)
      server.process.kill("SIGTERM")
      const answers = yield* Effect.promise(() => Promise.all(asked))
      assert.deepStrictEqual(answers.map(({ closes, status }) => [status, closes]), [[200, true], [200, true]])
      assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
    })))

  it.live(
    "waits no longer than it was told for requests that stall half-sent",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* serve("--exit-receive-timeout-ms=300", "--exit-timeout-secs=600")
        const answer = yield* halfSent(server.url)
        const grpc = yield* Grpc.connect(Number(server.grpc.split(":")[1]))
        const call = grpc.begin("ModelInfer")
        const message = Grpc.framed(WireFormat.encode(ModelInferRequest, { model_name: "simple" }))
        call.stream.write(message.subarray(0, message.length - 1))
        // What comes later on the same connection is answered, so that the server knows of the call.
        yield* grpc.unary("/grpc.health.v1.Health/Check", WireFormat.encode(HealthCheckRequest, {}))
        server.process.kill("SIGTERM")
        // Within the time for this test: half-sent requests must not use up the exit timeout.
        const text = yield* answer
        assert.match(text, /^HTTP\/1\.1 503 [^]*Server exiting/)
        assert.match(text, /Connection: close/i)
        const { message: said, status } = yield* call.end
        assert.deepStrictEqual([status, said], [14, "The server ends, and the message did not arrive in time."])
        assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
      }))
  )

  it.live("comes at once with a second signal, also while requests are still taken", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve("--exit-drain-ms=600000")
      server.process.kill("SIGTERM")
      yield* server.printed(/SIGTERM received/)
      server.process.kill("SIGINT")
      assert.deepStrictEqual(yield* server.ended, { code: 130, signal: null })
    })))

  it.live("does not wait for a file that hangs, whatever the exit code is", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* models
      const pipe = join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const shutdown = new URL("../../../src/layers/cli/Shutdown.ts", import.meta.url).href
      for (const [exit, code] of [["Exit.interrupt(1)", 0], ["Exit.fail('no')", 1]] as const) {
        const program = `
          import { Effect, Exit } from "effect"
          import { open } from "node:fs"
          import { make } from ${JSON.stringify(shutdown)}
          const { arm, teardown } = make()
          const nothing = () => {}
          await Effect.runPromise(arm({ timeoutMillis: 600000, onSignal: nothing, onTimeout: nothing }))
          open(${JSON.stringify(pipe)}, "w", nothing)
          teardown(${exit}, (code) => process.exit(code))
        `
        const ended = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
          cwd: new URL("../../..", import.meta.url),
          encoding: "utf8",
          // Only where it hangs for good is it killed.
          killSignal: "SIGKILL",
          timeout: 40_000
        })
        assert.deepStrictEqual([ended.status, ended.signal, ended.stderr], [code, null, ""])
      }
    })))

  it.live(
    "is forced with exit code 1 when running work outlasts the drain delay and the exit timeout",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* serve("--exit-drain-ms=300", "--exit-timeout-secs=1")
        const asked = post(`${server.url}/v2/models/busy/infer`, busyBody(1e9), undefined).catch(() => undefined)
        yield* untilPending(server, 1)
        const at = performance.now()
        server.process.kill("SIGTERM")
        assert.deepStrictEqual(yield* server.ended, { code: 1, signal: null })
        assert.isAtLeast(performance.now() - at, 1290)
        assert.include(server.err(), "Exit timeout expired. Exiting immediately.\n")
        yield* Effect.promise(() => asked)
      }))
  )
})
