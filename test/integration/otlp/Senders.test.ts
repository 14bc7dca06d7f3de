/** One try to send to a collector that breaks off, falls silent, or answers what is no answer. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result } from "effect"
import { createServer } from "node:http"
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2"
import type { AddressInfo, Server, Socket } from "node:net"
import * as GrpcSender from "../../../src/layers/telemetry/internal/otlp/GrpcSender.ts"
import * as HttpSender from "../../../src/layers/telemetry/internal/otlp/HttpSender.ts"
import type { SignalSettings } from "../../../src/layers/telemetry/internal/otlp/SignalSettings.ts"

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<URL>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`)))
      })
    }),
    () => Effect.sync(() => server.close())
  )

const settings = (url: URL, protocol: SignalSettings["protocol"]): SignalSettings => ({
  protocol,
  url,
  headers: [],
  timeoutMillis: 10_000,
  compression: "none",
  certificates: {}
})

const body = Uint8Array.of(1, 2, 3)

/** A collector by gRPC; `answer` has the number of the connection, from 1 on. */
const grpc = Effect.fnUntraced(function*(answer: (stream: ServerHttp2Stream, connection: number) => void) {
  const server = createHttp2Server()
  let connections = 0
  server.on("session", (session) => {
    const connection = ++connections
    session.on("error", () => {})
    session.on("stream", (stream) => {
      stream.on("error", () => {})
      stream.resume()
      stream.on("end", () => answer(stream, connection))
    })
  })
  return yield* GrpcSender.make("traces", settings(yield* listening(server), "grpc"))
})

const fine = { ":status": 200, "content-type": "application/grpc", "grpc-status": "0" }

describe("a collector by gRPC", () => {
  it.live("that has not answered is called over another connection the next time", () =>
    Effect.scoped(Effect.gen(function*() {
      const called = yield* Deferred.make<void>()
      const sender = yield* grpc((stream, connection) => {
        if (connection === 1) Deferred.doneUnsafe(called, Effect.void)
        else stream.respond(fine, { endStream: true })
      })
      const first = yield* Effect.forkChild(sender.send(body), { startImmediately: true })
      yield* Deferred.await(called)
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* sender.send(body)).byteLength, 0)
    })))

  it.live("that answers no status has not taken it", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const status of ["", "0x0", "-0", "abc"]) {
        const sender = yield* grpc((stream) => stream.respond({ ...fine, "grpc-status": status }, { endStream: true }))
        const { message, retryable } = yield* Effect.flip(sender.send(body))
        assert.deepStrictEqual([message, retryable], [`it answers '${status}', which is no gRPC status`, false])
      }
    })))

  it.live("that breaks its answer off is tried again", () =>
    Effect.scoped(Effect.gen(function*() {
      const sender = yield* grpc((stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" })
        stream.write(Uint8Array.of(0, 0, 0, 0, 9, 1))
        setImmediate(() => stream.session?.destroy())
      })
      const { message, retryable } = yield* Effect.flip(sender.send(body))
      assert.deepStrictEqual([message, retryable], ["the answer is cut off", true])
    })))
})

describe("a collector by HTTP", () => {
  it.live("that answers before it has everything gets no more, and another connection the next time", () =>
    Effect.scoped(Effect.gen(function*() {
      const connections: Array<Socket> = []
      const server = createServer((request, response) => {
        if (connections.length > 1) request.resume()
        response.writeHead(200, { "content-length": "0" }).end()
      })
      server.on("connection", (socket) => connections.push(socket))
      const sender = yield* HttpSender.make(settings(yield* listening(server), "http/protobuf"))
      // More than the buffers of a connection hold.
      yield* sender.send(new Uint8Array(64 * 1024 * 1024))
      for (let i = 0; i < 3; i++) {
        yield* sender.send(body)
        // A connection is free a little after its answer.
        yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      }
      assert.lengthOf(connections, 2)
      const [first] = connections
      if (!first!.closed) yield* Effect.callback<void>((resume) => void first!.once("close", () => resume(Effect.void)))
      assert.isBelow(first!.bytesRead, 64 * 1024 * 1024)
    })))

  const answered = Effect.fnUntraced(function*(answer: Parameters<typeof createServer>[1]) {
    const url = yield* listening(createServer(answer))
    const sender = yield* HttpSender.make(settings(url, "http/protobuf"))
    return yield* Effect.result(sender.send(body))
  }, Effect.scoped)

  it.live("that breaks its answer off is tried again", () =>
    Effect.gen(function*() {
      const result = yield* answered((request, response) => {
        request.resume()
        response.writeHead(200, { "content-length": "100" })
        response.write("x", () => response.destroy())
      })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.deepStrictEqual([result.failure.message, result.failure.retryable], ["the answer is cut off", true])
      }
    }))

  it.live("says for how long to wait by seconds or a date to come, and nothing by anything else", () =>
    Effect.gen(function*() {
      const asked = Effect.fnUntraced(function*(value: string) {
        const result = yield* answered((request, response) => {
          request.resume()
          response.writeHead(503, { "retry-after": value }).end()
        })
        return Result.isFailure(result) ? result.failure.retryAfterMillis : -1
      })
      assert.strictEqual(yield* asked("7"), 7000)
      assert.strictEqual(yield* asked("9".repeat(400)), Number.MAX_SAFE_INTEGER)
      assert.isAbove((yield* asked("Fri, 01 Jan 2100 00:00:00 GMT")) ?? 0, 3_000_000)
      for (const value of ["", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "1.5"]) {
        assert.isUndefined(yield* asked(value), value)
      }
    }))
})
