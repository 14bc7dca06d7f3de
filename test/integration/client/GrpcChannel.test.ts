/** The connections of the gRPC client: their beginning, their end and what is between. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "../../../src/client/grpc/GrpcInferenceClient.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Child from "../cli/Child.ts"
import { eventually } from "../http/Wire.ts"
import { answering, client, failure, readiness, ready } from "./GrpcCalls.ts"
import { relay, serve, type ServedCall } from "./GrpcServer.ts"

describe("A channel", () => {
  it.live("uses one connection, and another one after its end", () =>
    Effect.gen(function*() {
      let sessions = 0
      const { port, sessions: open } = yield* serve(({ answer }) => answer([ready(true)]))
      const rpcs = yield* client(port)
      for (let round = 0; round < 3; round++) {
        yield* Effect.promise(() => Promise.all([readiness(rpcs), readiness(rpcs), readiness(rpcs)]))
        assert.strictEqual(open.size, 1)
        sessions++
        // The first two close in order; the last one breaks.
        for (const session of open) {
          if (round < 2) session.close()
          else session.destroy()
        }
        yield* eventually(() => open.size, (size) => size === 0)
      }
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
      assert.strictEqual(sessions, 3)
    }).pipe(Effect.scoped))

  it.live("makes a call once more that a closing connection refused", () =>
    Effect.gen(function*() {
      let calls = 0
      const rpcs = yield* answering(({ answer, stream }) => {
        if (calls++ === 0) stream.close(7)
        else answer([ready(true)])
      })
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
      calls = -10
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
    }).pipe(Effect.scoped))

  it.live("fails at once while nobody listens, and works again when somebody does", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      const rpcs = yield* client(port, { minReconnectMillis: 20 })
      for (let i = 0; i < 3; i++) {
        const error = yield* failure(readiness(rpcs))
        assert.deepStrictEqual([error.status, error.local], ["UNAVAILABLE", true])
        assert.include(error.message, `no connection to 127.0.0.1:${port}: connect ECONNREFUSED`)
      }
      const { server } = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const { createServer } = await import("node:http2")
          const server = createServer()
          server.on("stream", (stream) => {
            stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": 5 }, {
              endStream: true
            })
          })
          await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
          return { server }
        }),
        ({ server }) => Effect.sync(() => server.close())
      )
      assert.isTrue(server.listening)
      yield* Effect.gen(function*() {
        for (;;) {
          const { status } = yield* failure(readiness(rpcs))
          if (status === "NOT_FOUND") return
          yield* Effect.sleep("5 millis")
        }
      })
      rpcs.close()
    }).pipe(Effect.scoped))

  it.live("goes on with other calls while the answers of one are not taken", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer, headers, stream }) => {
        if (headers[":path"]!.endsWith("ServerReady")) return answer([ready(true)])
        stream.respond({ ":status": 200, "content-type": "application/grpc" })
        const one = Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(65536)])
        one.set([0xc2, 0x3e, 0xfb, 0xff, 0x03], 5)
        for (let i = 0; i < 10; i++) stream.write(one)
      }, { windowBytes: 70_000 })
      const responses = rpcs.modelStreamInfer([{}])
      yield* Effect.promise(() => responses.next())
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
      yield* Effect.promise(() => responses.return!())
    }).pipe(Effect.scoped))

  it.live("does not keep the process alive without calls", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(({ answer }) => answer([ready(true)]))
      const program = `
        import { connect } from ${
        JSON.stringify(new URL("../../../src/client/grpc/GrpcInferenceClient.ts", import.meta.url))
      }
        const rpcs = connect("127.0.0.1:${port}", { keepAlive: { timeMillis: 60000, permitWithoutCalls: true } })
        console.log((await rpcs.serverReady({})).ready)
      `
      const child = spawn(process.execPath, ["--input-type=module", "-e", program])
      const output: Array<Buffer> = []
      child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
      child.stderr.on("data", (chunk: Buffer) => output.push(chunk))
      const [code] = yield* Effect.promise(() => once(child, "close"))
      assert.deepStrictEqual([Buffer.concat(output).toString(), code], ["true\n", 0])
    }).pipe(Effect.scoped))

  it.live("notices by its pings that the server is gone", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const { port } = yield* serve((call) => calls.push(call))
      const network = yield* relay(port)
      const rpcs = yield* client(network.port, { keepAlive: { timeMillis: 100, timeoutMillis: 1000 } })
      const pending = failure(readiness(rpcs))
      yield* eventually(() => calls.length, (count) => count === 1)
      network.freeze()
      const error = yield* pending
      assert.deepStrictEqual([error.status, error.message], [
        "UNAVAILABLE",
        "the connection ended before the answer: the server did not answer a ping within 1000 ms"
      ])
    }).pipe(Effect.scoped))

  it.live("outlives its pings while the server answers them", () =>
    Effect.gen(function*() {
      const { port } = yield* serve(({ answer }) => void setTimeout(() => answer([ready(true)]), 150))
      const rpcs = yield* client(port, { keepAlive: { timeMillis: 10, timeoutMillis: 2000 } })
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
    }).pipe(Effect.scoped))

  it.live("speaks TLS, and shows a certificate of its own", () =>
    Effect.gen(function*() {
      const root = Certificates.authority("root")
      const identity = Certificates.signed("server", "root", root)
      const own = Certificates.signed("client", "root", root)
      const { port } = yield* serve(({ answer }) => answer([ready(true)]), {
        secure: { ...identity, ca: root.cert, requestCert: true }
      })
      const rpcs = yield* client(port, {
        scheme: "https://",
        tls: { rootCertificates: root.cert, certificate: own.cert, key: own.key }
      })
      assert.deepStrictEqual(yield* Effect.promise(() => readiness(rpcs)), { ready: true })
      const doubting = yield* client(port, { scheme: "https://" })
      const error = yield* failure(readiness(doubting))
      assert.strictEqual(error.status, "UNAVAILABLE")
      assert.match(error.message, /certificate/)
    }).pipe(Effect.scoped))

  it.live("aborts what is in flight when it is closed, and refuses what comes after", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const rpcs = yield* answering((call) => calls.push(call))
      const pending = failure(readiness(rpcs))
      yield* eventually(() => calls.length, (count) => count === 1)
      rpcs.close()
      assert.strictEqual((yield* pending).status, "UNAVAILABLE")
      const later = yield* failure(readiness(rpcs))
      assert.deepStrictEqual([later.status, later.message], ["CANCELLED", "the channel is closed"])
    }).pipe(Effect.scoped))

  it("refuses what is no address", () => {
    for (const address of ["", "http://", "ftp://host:1", "host:1/path", "a b:1", "user@host:1", "host:99999"]) {
      assert.throws(() => connect(address), TypeError, /is no address of a gRPC server/, address)
    }
    for (const address of ["host", "host:80", "[::1]:8001", "grpc://host:1", "https://host/"]) connect(address).close()
  })
})
