/** Sees the effect of every option of gRPC on a started server. */
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { connect as connectSocket } from "node:net"
import { join } from "node:path"
import { HealthCheckRequest } from "../../../src/schema/proto/HealthService.ts"
import { ModelInferRequest } from "../../../src/schema/proto/InferFields.ts"
import * as WireFormat from "../../../src/schema/proto/WireFormat.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { type Client, connect, framed } from "../grpc/Client.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"
import * as InProcess from "./InProcess.ts"

/** Registers a test that sees these options. */
export type Test = (title: string, options: ReadonlyArray<string>, effect: () => Effect.Effect<void>) => void

const models = Child.folder({
  simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
})

const row = new Uint8Array(new Int32Array(16).buffer)

/** Bytes of a request of so many rows. */
const request = (rows = 1): Uint8Array => {
  const data = new Uint8Array(row.length * rows)
  return WireFormat.encode(ModelInferRequest, {
    model_name: "simple",
    inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "INT32", shape: [rows, 16] })),
    raw_input_contents: [data, data]
  })
}

/** Status and text of an inference. */
const infer = (client: Client, rows = 1, metadata: Record<string, string> = {}) =>
  Effect.map(
    client.unary("ModelInfer", request(rows), metadata),
    ({ message, status }) => `${status} ${message}`.trim()
  )

const portOf = (server: InProcess.Running): number => Number(/gRPC at \S+:(\d+)\b/.exec(server.out())![1])

/** A server with these options, and the port of its gRPC. */
const serve = (...options: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const server = yield* InProcess.serve([yield* models, ...options])
    return { server, port: portOf(server) }
  })

/** How a connection on which nothing is said ends. */
const silent = (port: number): Effect.Effect<"closed"> =>
  Effect.callback((resume) => {
    const socket = connectSocket(port, "127.0.0.1")
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed("closed")))
    socket.resume()
    return Effect.sync(() => socket.destroy())
  })

const watch = (client: Client) => {
  const call = client.begin("/grpc.health.v1.Health/Watch")
  call.stream.end(framed(WireFormat.encode(HealthCheckRequest, {})))
  return call
}

const scoped = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => Effect.scoped(effect)

export const grpcOptions = (test: Test): void => {
  describe("options of gRPC", () => {
    test(
      "choose where it listens",
      ["allow-grpc", "grpc-address", "grpc-port", "reuse-grpc-port"],
      () =>
        scoped(Effect.gen(function*() {
          const off = yield* InProcess.serve([yield* models, "--allow-grpc=false"])
          assert.notInclude(off.out(), "gRPC")
          const { port, server } = yield* serve("--grpc-address=127.0.0.2", "--reuse-grpc-port=true")
          assert.match(server.out(), /\] "Started GRPCInferenceService at 127\.0\.0\.2:\d+"\n/)
          assert.include(server.out(), `gRPC at 127.0.0.2:${port} (127.0.0.2:${port})`)
          const same = ["--grpc-address=127.0.0.2", `--grpc-port=${port}`]
          const second = yield* serve(...same, "--reuse-grpc-port=true")
          assert.strictEqual(second.port, port)
          const busy = yield* InProcess.run(["serve", yield* models, "--http-port=0", "--metrics-port=0", ...same])
          assert.strictEqual(busy.code, 1)
          assert.include(
            busy.err,
            `failed to start GRPC service: Unavailable - Socket '127.0.0.2:${port}' already in use\n`
          )
          assert.include(busy.err, "Choose another port with --http-port, --grpc-port, --metrics-port or --admin-port")
          const only = yield* InProcess.start([
            "serve",
            yield* models,
            "--allow-http=false",
            "--grpc-port=0",
            "--metrics-port=0"
          ])
          yield* only.printed(/^Listening for gRPC at localhost:\d+ \(0\.0\.0\.0:\d+\), metrics at .*\n/m)
        }))
    )

    test("secure it", [
      "grpc-use-ssl",
      "grpc-use-ssl-mutual",
      "grpc-server-cert",
      "grpc-server-key",
      "grpc-root-cert"
    ], () =>
      scoped(Effect.gen(function*() {
        const root = Certificates.authority("root")
        const own = Certificates.signed("server", "root", root)
        const files = yield* Child.folder({ "cert.pem": own.cert, "key.pem": own.key, "root.pem": root.cert })
        const named = [`--grpc-server-cert=${join(files, "cert.pem")}`, `--grpc-server-key=${join(files, "key.pem")}`]
        const one = yield* serve("--grpc-use-ssl=true", ...named)
        const client = yield* connect(one.port, { secure: true, ca: root.cert })
        assert.strictEqual(yield* infer(client), "0")
        const mutual = yield* serve(
          "--grpc-use-ssl-mutual=true",
          ...named,
          `--grpc-root-cert=${join(files, "root.pem")}`
        )
        const known = yield* connect(mutual.port, { secure: true, ca: root.cert, ...own })
        assert.strictEqual(yield* infer(known), "0")
        const unknown = yield* connect(mutual.port, { secure: true, ca: root.cert })
        assert.strictEqual(yield* infer(unknown), "undefined")
        const wrong = yield* InProcess.run([
          "serve",
          yield* models,
          "--http-port=0",
          "--grpc-port=0",
          "--metrics-port=0",
          "--grpc-use-ssl=true",
          named[0]!,
          `--grpc-server-key=${join(files, "none.pem")}`
        ])
        assert.strictEqual(wrong.code, 1)
        assert.include(
          wrong.err,
          `failed to start GRPC service: Invalid argument - the private key '${join(files, "none.pem")}' cannot be read`
        )
      })))

    test("say who is answered, with what, and how", [
      "grpc-restricted-protocol",
      "grpc-header-forward-pattern",
      "grpc-infer-response-compression-level",
      "grpc-reflection"
    ], () =>
      scoped(Effect.gen(function*() {
        const { port } = yield* serve(
          "--grpc-restricted-protocol=inference:key=secret",
          "--grpc-header-forward-pattern=^t",
          "--grpc-infer-response-compression-level=medium",
          "--grpc-reflection=false"
        )
        const client = yield* connect(port)
        assert.strictEqual(
          yield* infer(client),
          "14 This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
        )
        const key = { "triton-grpc-protocol-key": "secret" }
        const answer = yield* client.unary("ModelInfer", request(), { ...key, "grpc-accept-encoding": "gzip,deflate" })
        assert.strictEqual(answer.status, 0)
        assert.strictEqual(answer.call.headers["grpc-encoding"], "deflate")
        assert.strictEqual(
          yield* infer(client, 1, { ...key, timeout: "1" }),
          "3 Header 'timeout' is reserved for Triton usage and cannot be forwarded."
        )
        const reflection = client.begin("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        assert.strictEqual((yield* reflection.end).status, 12)
      })))

    test("bound what it takes", [
      "grpc-max-request-bytes",
      "grpc-max-response-bytes",
      "grpc-max-inflight-requests",
      "grpc-max-inflight-bytes",
      "grpc-max-metadata-bytes",
      "grpc-max-concurrent-streams",
      "grpc-max-connections",
      "grpc-max-stream-requests",
      "grpc-max-health-watches",
      "grpc-health-watch-interval-ms"
    ], () =>
      scoped(Effect.gen(function*() {
        const small = yield* serve(
          "--grpc-max-request-bytes=700",
          "--grpc-max-response-bytes=500",
          "--grpc-max-metadata-bytes=2048",
          "--grpc-max-concurrent-streams=7",
          "--grpc-max-stream-requests=1",
          "--grpc-max-health-watches=1",
          "--grpc-health-watch-interval-ms=20",
          "--grpc-max-connections=2"
        )
        const client = yield* connect(small.port)
        assert.strictEqual(yield* infer(client), "0")
        assert.strictEqual(client.session.remoteSettings.maxConcurrentStreams, 7)
        assert.match(yield* infer(client, 8), /^8 .*700/)
        assert.match(
          yield* infer(client, 4),
          /^3 Response has byte size \d+ which exceeds gRPC's byte size limit 500\.$/
        )
        assert.notStrictEqual(yield* infer(client, 1, { long: "x".repeat(4000) }), "0")
        const stream = client.begin("ModelStreamInfer")
        for (let i = 0; i < 5; i++) stream.send(request())
        stream.halfClose()
        assert.strictEqual((yield* stream.end).status, 0)
        assert.strictEqual(stream.messages.length, 5)
        const first = watch(client)
        yield* first.received(1)
        assert.strictEqual((yield* watch(client).end).status, 8)
        yield* connect(small.port)
        yield* Effect.sleep("50 millis")
        assert.strictEqual(yield* silent(small.port), "closed")

        const full = yield* serve("--grpc-max-inflight-requests=1", "--grpc-max-inflight-bytes=500")
        const other = yield* connect(full.port)
        assert.match(yield* infer(other, 8), /--grpc-max-inflight-bytes/)
        const open = other.begin("ModelStreamInfer")
        open.send(request())
        yield* open.received(1)
        assert.match(yield* infer(other), /--grpc-max-inflight-requests/)
        yield* Effect.forkChild(small.server.end)
        assert.strictEqual((yield* first.end).status, 14)
      })))

    test("bound how long it waits", [
      "grpc-handshake-timeout-ms",
      "grpc-body-timeout-ms",
      "grpc-idle-timeout-ms"
    ], () =>
      scoped(Effect.gen(function*() {
        const { port } = yield* serve(
          "--grpc-handshake-timeout-ms=1000",
          "--grpc-body-timeout-ms=500",
          "--grpc-idle-timeout-ms=1000"
        )
        assert.strictEqual(yield* silent(port), "closed")
        const client = yield* connect(port)
        const stalled = client.begin("ModelInfer")
        stalled.stream.write(framed(request()).subarray(0, 50))
        assert.notStrictEqual((yield* stalled.end).status, 0)
        const idle = yield* connect(port)
        assert.strictEqual(yield* infer(idle), "0")
        yield* eventually(() => idle.session.closed || idle.session.destroyed, (seen) => seen)
      })))

    test("keep connections alive, and guard against pings", [
      "grpc-keepalive-time",
      "grpc-keepalive-timeout",
      "grpc-keepalive-permit-without-calls",
      "grpc-http2-max-pings-without-data",
      "grpc-http2-min-recv-ping-interval-without-data",
      "grpc-http2-max-ping-strikes"
    ], () =>
      scoped(Effect.gen(function*() {
        const { port } = yield* serve(
          "--grpc-keepalive-time=100",
          "--grpc-keepalive-timeout=1500",
          "--grpc-keepalive-permit-without-calls=true",
          "--grpc-http2-max-pings-without-data=3",
          "--grpc-http2-min-recv-ping-interval-without-data=60000",
          "--grpc-http2-max-ping-strikes=2"
        )
        // A client that says hello and then nothing more, not even to a ping.
        const hello = Buffer.concat([
          Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
          Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
        ])
        const mute = connectSocket(port, "127.0.0.1")
        yield* Effect.addFinalizer(() => Effect.sync(() => mute.destroy()))
        mute.on("error", () => {})
        mute.write(hello)
        mute.resume()
        yield* eventually(() => mute.closed, (seen) => seen)

        const client = yield* connect(port)
        let pings = 0
        client.session.on("ping", () => {
          pings++
        })
        yield* eventually(() => pings, (seen) => seen === 3)
        yield* Effect.sleep("400 millis")
        assert.strictEqual(pings, 3)

        const eager = yield* connect(port)
        let code: number | undefined
        eager.session.on("goaway", (given) => {
          code = given
        })
        for (let i = 0; i < 4; i++) {
          yield* Effect.sleep("20 millis")
          if (!eager.session.destroyed) eager.session.ping(() => {})
        }
        // ENHANCE_YOUR_CALM
        yield* eventually(() => code, (seen) => seen === 11)
      })))

    test(
      "end connections that came of age",
      ["grpc-max-connection-age", "grpc-max-connection-age-grace"],
      () =>
        scoped(Effect.gen(function*() {
          const { port } = yield* serve("--grpc-max-connection-age=1500", "--grpc-max-connection-age-grace=300")
          const client = yield* connect(port)
          const open = client.begin("ModelStreamInfer")
          open.send(request())
          yield* open.received(1)
          yield* eventually(() => client.session.closed || client.session.destroyed, (seen) => seen)
          assert.notStrictEqual((yield* open.end).status, 0)
        }))
    )
  })
}
