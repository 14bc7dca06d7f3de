/** The gRPC client against a server that each test makes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { gunzipSync, gzipSync } from "node:zlib"
import { type GrpcChannelOptions } from "../../../src/client/grpc/GrpcChannel.ts"
import { GrpcFailure } from "../../../src/client/grpc/GrpcFailure.ts"
import { connect, type GrpcInferenceClient } from "../../../src/client/grpc/GrpcInferenceClient.ts"
import type { GrpcMetadata } from "../../../src/client/grpc/GrpcMetadata.ts"
import * as Fields from "../../../src/schema/proto/InferFields.ts"
import * as Status from "../../../src/schema/proto/StatusFields.ts"
import { decode, encode } from "../../../src/schema/proto/WireFormat.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import { eventually } from "../http/Wire.ts"
import { relay, serve, type ServedCall } from "./GrpcServer.ts"

const client = (port: number, options?: GrpcChannelOptions & { readonly scheme?: string }) =>
  Effect.acquireRelease(
    Effect.sync(() => connect(`${options?.scheme ?? ""}127.0.0.1:${port}`, options)),
    (made) => Effect.sync(() => made.close())
  )

const ready = (value: boolean): Uint8Array => encode(Status.ServerReadyResponse, { ready: value })

/** What a promise rejects with. */
const reason = (promise: Promise<unknown>): Effect.Effect<unknown> =>
  Effect.promise(() => promise.then(() => assert.fail("the call succeeded"), (error: unknown) => error))

const failure = (promise: Promise<unknown>): Effect.Effect<GrpcFailure> =>
  Effect.map(reason(promise), (error) => {
    assert.instanceOf(error, GrpcFailure)
    return error as GrpcFailure
  })

/** A server that answers every call alike. */
const answering = (handle: (call: ServedCall) => void, options?: GrpcChannelOptions) =>
  Effect.gen(function*() {
    const { port } = yield* serve(handle)
    return yield* client(port, options)
  })

const readiness = (rpcs: GrpcInferenceClient, options = {}) => rpcs.serverReady({}, options)

describe("A unary call", () => {
  it.live("sends its message and metadata, and gives the answer with the server's", () =>
    Effect.gen(function*() {
      const seen: Array<{ readonly headers: ServedCall["headers"]; readonly message: Buffer }> = []
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          seen.push({ headers: call.headers, message: message!.bytes })
          call.answer([encode(Status.ModelReadyResponse, { ready: true })], {
            headers: { "x-first": "1", "x-raw-bin": "AQI" },
            trailers: { "x-last": "2" }
          })
        })
      }, { metadata: { "x-all": "a" } })
      const got: Array<GrpcMetadata> = []
      const answer = yield* Effect.promise(() =>
        rpcs.modelReady({ name: "m", version: "3" }, {
          timeoutMillis: 50_000,
          metadata: { "X-One": ["b", "c"], "x-bin": Uint8Array.of(255, 0) },
          onHeaders: (metadata) => got.push(metadata),
          onTrailers: (metadata) => got.push(metadata)
        })
      )
      assert.deepStrictEqual(answer, { ready: true })
      const [call] = seen
      const { headers, message } = call!
      assert.deepStrictEqual(Result.getOrThrow(decode(Status.ModelReadyRequest, message)), { name: "m", version: "3" })
      assert.strictEqual(headers[":path"], "/inference.GRPCInferenceService/ModelReady")
      assert.deepStrictEqual(
        [headers["content-type"], headers.te, headers["x-all"], headers["x-one"], headers["x-bin"]],
        ["application/grpc", "trailers", "a", "b, c", "/wA"]
      )
      const [, micros] = /^(\d{1,8})u$/.exec(String(headers["grpc-timeout"]))!
      assert.isTrue(Number(micros) <= 50_000_000 && Number(micros) > 20_000_000, micros)
      assert.strictEqual(got.length, 2)
      assert.strictEqual(got[0]!["x-first"], "1")
      assert.deepStrictEqual([...got[0]!["x-raw-bin"] as Uint8Array], [1, 2])
      assert.deepStrictEqual(got[1], { "x-last": "2" })
    }).pipe(Effect.scoped))

  it.live("carries large tensors both ways, those of the answer aligned", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          const { raw_input_contents } = Result.getOrThrow(decode(Fields.ModelInferRequest, message!.bytes))
          call.answer([encode(Fields.ModelInferResponse, { id: "x", raw_output_contents: raw_input_contents })])
        })
      })
      const tensor = new Float64Array(1_000_000).map((_, i) => i)
      const { raw_output_contents } = yield* Effect.promise(() =>
        rpcs.modelInfer({ model_name: "m", raw_input_contents: [new Uint8Array(tensor.buffer)] })
      )
      const [bytes] = raw_output_contents
      assert.strictEqual(bytes!.byteOffset % 8, 0)
      assert.deepStrictEqual(new Float64Array(bytes!.buffer, bytes!.byteOffset, 1_000_000), tensor)
    }).pipe(Effect.scoped))

  it.live("fails with the status and the text of the server, with messages before it or not", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer, headers, stream }) => {
        const end = {
          "grpc-status": 5,
          "grpc-message": "no %E2%82%AC 100%% model",
          "grpc-retry-pushback-ms": "1000"
        }
        if (headers["x-late"] === undefined) {
          stream.respond({ ":status": 200, "content-type": "application/grpc", ...end }, { endStream: true })
        } else answer([ready(true)], { status: 5, trailers: end })
      })
      for (const metadata of [{}, { "x-late": "1" }]) {
        const error = yield* failure(readiness(rpcs, { metadata }))
        assert.deepStrictEqual(
          [error.status, error.code, error.method, error.metadata["grpc-retry-pushback-ms"], error.local],
          ["NOT_FOUND", 5, "/inference.GRPCInferenceService/ServerReady", "1000", false]
        )
        assert.strictEqual(error.message, "no € 100%% model")
      }
    }).pipe(Effect.scoped))

  it.live("compresses requests and reads compressed answers", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const rpcs = yield* answering((call) => {
        void call.messages().then(([message]) => {
          seen.push(`${call.headers["grpc-encoding"]} ${message!.compressed}`)
          const bytes = message!.compressed ? gunzipSync(message!.bytes) : message!.bytes
          const { id } = Result.getOrThrow(decode(Fields.ModelInferRequest, bytes))
          call.answer([gzipSync(encode(Fields.ModelInferResponse, { id }))], {
            headers: { "grpc-encoding": "gzip" },
            compressed: 1
          })
        })
      }, { compression: "gzip", maxMessageBytes: 5000 })
      const id = "i".repeat(4000)
      assert.strictEqual((yield* Effect.promise(() => rpcs.modelInfer({ id }))).id, id)
      yield* Effect.promise(() => rpcs.modelInfer({ id }, { compression: "identity" }))
      assert.deepStrictEqual(seen, ["gzip true", "undefined false"])
      const error = yield* failure(rpcs.modelInfer({ id: "i".repeat(6000) }))
      assert.deepStrictEqual([error.status, error.message], [
        "RESOURCE_EXHAUSTED",
        "the server sent a message of more than 5000 bytes"
      ])
    }).pipe(Effect.scoped))

  it.live("fails on answers that break the protocol", () =>
    Effect.gen(function*() {
      const answers: Readonly<Record<string, (call: ServedCall) => void>> = {
        "INTERNAL: 0 answers instead of one": ({ answer }) => answer([]),
        "INTERNAL: 2 answers instead of one": ({ answer }) => answer([ready(true), ready(true)]),
        "INTERNAL: Unable to parse inference.ServerReadyResponse: the bytes end inside a number (at byte 1)": (
          { answer }
        ) => answer([Uint8Array.of(8)]),
        "RESOURCE_EXHAUSTED: the server sent a message of 2000 bytes, more than the 1000 of maxMessageBytes": (
          { answer }
        ) => answer([new Uint8Array(2000)]),
        "INTERNAL: the server sent a compressed message, and named the compression identity": ({ answer }) =>
          answer([ready(true)], { compressed: 1 }),
        "INTERNAL: the server sent a damaged message": ({ answer }) =>
          answer([ready(true)], { compressed: 1, headers: { "grpc-encoding": "gzip" } }),
        "INTERNAL: the server sent bytes that are no gRPC message": ({ answer }) =>
          answer([ready(true)], { compressed: 7 }),
        "UNAVAILABLE: the server answered with HTTP status 503 and no gRPC": ({ stream }) => {
          stream.respond({ ":status": 503, "content-type": "text/html" })
          stream.end("<html>busy</html>")
        },
        "RESOURCE_EXHAUSTED: the server reset the call, error code 11": ({ stream }) => stream.close(11),
        "INTERNAL: the server ended its answer inside a message": ({ stream }) => {
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 0 }))
          stream.end(Buffer.from([0, 0, 0]))
        },
        "UNKNOWN: what": ({ answer }) => answer([], { status: 99, trailers: { "grpc-message": "what" } })
      }
      const names = Object.keys(answers)
      let next = 0
      const rpcs = yield* answering((call) => answers[names[next]!]!(call), { maxMessageBytes: 1000 })
      for (; next < names.length; next++) {
        const error = yield* failure(readiness(rpcs))
        assert.strictEqual(`${error.status}: ${error.message}`, names[next])
      }
    }).pipe(Effect.scoped))

  it.live("is given up at its deadline, of which the server hears", () =>
    Effect.gen(function*() {
      const ended: Array<number | undefined> = []
      const rpcs = yield* answering(({ stream }) => {
        stream.on("close", () => ended.push(stream.rstCode))
      }, { timeoutMillis: 30 })
      const error = yield* failure(readiness(rpcs))
      assert.deepStrictEqual([error.status, error.message, error.local], [
        "DEADLINE_EXCEEDED",
        "no answer within 30 ms",
        true
      ])
      yield* eventually(() => ended, (codes) => codes.length === 1)
      assert.deepStrictEqual(ended, [8])
    }).pipe(Effect.scoped))

  it.live("is aborted by its signal, whose reason it rejects with", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const rpcs = yield* answering((call) => calls.push(call))
      const controller = new AbortController()
      const pending = reason(readiness(rpcs, { signal: controller.signal }))
      const mine = new Error("mine")
      yield* eventually(() => calls.length, (count) => count === 1)
      controller.abort(mine)
      assert.strictEqual(yield* pending, mine)
      yield* eventually(() => calls[0]!.stream.rstCode, (code) => code === 8)
      assert.strictEqual(yield* reason(readiness(rpcs, { signal: controller.signal })), mine)
      assert.strictEqual(calls.length, 1)
    }).pipe(Effect.scoped))

  it.live("refuses metadata that is gRPC's own, and numbers that a field cannot hold", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) => answer([ready(true)]))
      const own = yield* reason(readiness(rpcs, { metadata: { "grpc-timeout": "1S" } }))
      assert.strictEqual((own as Error).message, "metadata grpc-timeout: the name is gRPC's own")
      const text = yield* reason(readiness(rpcs, { metadata: { "x-bin": "text" } }))
      assert.strictEqual((text as Error).message, "metadata x-bin: a name that ends in -bin takes bytes")
      assert.instanceOf(yield* reason(rpcs.modelInfer({ inputs: [{ shape: [0.5] }] })), RangeError)
    }).pipe(Effect.scoped))
})

describe("A streaming call", () => {
  const echo = (call: ServedCall): void => {
    call.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    call.stream.on("wantTrailers", () => call.stream.sendTrailers({ "grpc-status": 0 }))
    // The answer to a request is a message of the same bytes: the id lies in another field, and is skipped.
    call.stream.pipe(call.stream)
  }

  it.live("gives answers while it sends requests", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(echo)
      let sent = 0
      const received: Array<number> = []
      const requests = async function*() {
        for (let i = 0; i < 50; i++) {
          sent = i
          // Each request waits for the answer to the one before.
          while (received.length < i) await new Promise((resolve) => setImmediate(resolve))
          yield { raw_input_contents: [new Uint8Array(i)] }
        }
      }
      yield* Effect.promise(async () => {
        for await (const _ of rpcs.modelStreamInfer(requests())) received.push(sent)
      })
      assert.strictEqual(received.length, 50)
    }).pipe(Effect.scoped))

  it.live("takes requests only as far as they can be sent", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const rpcs = yield* answering((call) => calls.push(call))
      let taken = 0
      const large = function*() {
        for (; taken < 1000; taken++) yield { raw_input_contents: [new Uint8Array(100_000)] }
      }
      const responses = rpcs.modelStreamInfer(large())
      const next = responses.next()
      yield* Effect.sleep("100 millis")
      // The windows of HTTP/2, and what Node buffers: nobody reads it.
      assert.isBelow(taken, 20)
      calls[0]!.answer([])
      assert.isTrue((yield* Effect.promise(() => next)).done)
    }).pipe(Effect.scoped))

  it.live("takes no more requests when the server has ended it", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) => answer([], { status: 9 }))
      let ended = false
      const forever = async function*() {
        try {
          for (;;) {
            yield { id: "1" }
            await new Promise((resolve) => setImmediate(resolve))
          }
        } finally {
          ended = true
        }
      }
      const error = yield* failure(rpcs.modelStreamInfer(forever()).next())
      assert.strictEqual(error.status, "FAILED_PRECONDITION")
      yield* eventually(() => ended, (seen) => seen)
    }).pipe(Effect.scoped))

  it.live("gives each answer to whom asked first", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) =>
        answer(["1", "2"].map((error_message) => encode(Fields.ModelStreamInferResponse, { error_message })))
      )
      const responses = rpcs.modelStreamInfer([])
      const [first, second, third] = yield* Effect.promise(() =>
        Promise.all([responses.next(), responses.next(), responses.next()])
      )
      assert.deepStrictEqual([first.value?.error_message, second.value?.error_message, third.done], ["1", "2", true])
    }).pipe(Effect.scoped))

  it.live("receives only what is taken", () =>
    Effect.gen(function*() {
      const { port } = yield* serve((call) => {
        const { stream } = call
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 0 }))
        stream.resume()
        const message = Buffer.alloc(5 + 100_000)
        message.writeUInt32BE(100_000, 1)
        // Field 1000, so that the answer is one unknown field.
        message.set([0xc2, 0x3e, 0x9b, 0x8d, 0x06], 5)
        let left = 100
        const more = (): void => {
          while (left-- > 0) if (!stream.write(message)) return void stream.once("drain", more)
          stream.end()
        }
        more()
      })
      const rpcs = yield* client(port, { windowBytes: 200_000 })
      const before = process.memoryUsage().arrayBuffers
      const responses = rpcs.modelStreamInfer([{ id: "1" }])
      yield* Effect.promise(() => responses.next())
      yield* Effect.sleep("100 millis")
      const held = process.memoryUsage().arrayBuffers - before
      assert.isBelow(held, 6_000_000)
      let count = 1
      yield* Effect.promise(async () => {
        for await (const _ of responses) count++
      })
      assert.strictEqual(count, 100)
    }).pipe(Effect.scoped))

  it.live("is cancelled when the iteration ends early, or its requests throw", () =>
    Effect.gen(function*() {
      const streams: Array<ServedCall["stream"]> = []
      const rpcs = yield* answering((call) => {
        streams.push(call.stream)
        echo(call)
      })
      const forever = async function*() {
        for (;;) {
          yield { id: "1" }
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      yield* Effect.promise(async () => {
        for await (const _ of rpcs.modelStreamInfer(forever())) break
      })
      yield* eventually(() => streams[0]!.rstCode, (code) => code === 8)
      const bad = new Error("bad request")
      const throwing = async function*() {
        yield { id: "1" }
        while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve))
        throw bad
      }
      const thrown = yield* reason((async () => {
        for await (const _ of rpcs.modelStreamInfer(throwing())) await Promise.resolve()
      })())
      assert.strictEqual(thrown, bad)
      yield* eventually(() => streams[1]!.rstCode, (code) => code === 8)
    }).pipe(Effect.scoped))

  it.live("gives what came before a failure, then the failure", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) =>
        answer([encode(Fields.ModelStreamInferResponse, { error_message: "x" })], {
          status: 14,
          trailers: { "grpc-message": "gone" }
        })
      )
      const responses = rpcs.modelStreamInfer([])
      assert.strictEqual((yield* Effect.promise(() => responses.next())).value!.error_message, "x")
      const error = yield* failure(responses.next())
      assert.deepStrictEqual([error.status, error.message], ["UNAVAILABLE", "gone"])
      assert.isTrue((yield* Effect.promise(() => responses.next())).done)
    }).pipe(Effect.scoped))
})

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
      const port = yield* Effect.promise(async () => {
        const server = createServer()
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        const { port } = server.address() as AddressInfo
        await new Promise((resolve) => server.close(resolve))
        return port
      })
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
      const rpcs = yield* client(network.port, { keepAlive: { timeMillis: 20, timeoutMillis: 60 } })
      const pending = failure(readiness(rpcs))
      yield* eventually(() => calls.length, (count) => count === 1)
      network.freeze()
      const error = yield* pending
      assert.deepStrictEqual([error.status, error.message], [
        "UNAVAILABLE",
        "the connection ended before the answer: the server did not answer a ping within 60 ms"
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
