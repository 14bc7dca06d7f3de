/**
 * The yardstick of gRPC figures: the server's own transport, which answers every call with a fixed message.
 *
 * Usage: node grpcEcho.ts <response bytes>; prints the port it listens on. Any path is a method.
 */
import { Effect } from "effect"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as Listener from "../../src/layers/frontend/internal/grpc/Listener.ts"
import { InFlight } from "../../src/layers/frontend/internal/InFlight.ts"

const body = Buffer.alloc(Number(process.argv[2] ?? 0), 32)

const nothing = (): void => {}

const program = Effect.gen(function*() {
  const bound = yield* Listener.listen({
    address: "127.0.0.1",
    port: Number(process.argv[3] ?? 0),
    reusePort: false,
    memory: SharedTensorMemory.make(),
    inFlight: new InFlight({
      protocol: "grpc",
      maxRequests: 4096,
      maxBytes: 4 * 1024 ** 3,
      maxRequestBytes: 1024 ** 3
    }),
    maxConnections: 16384,
    maxConcurrentStreams: 1024,
    maxMetadataBytes: 16 * 1024,
    maxMessageBytes: 2 ** 31 - 1,
    maxSendMessageBytes: 2 ** 31 - 1,
    keepAlive: {
      time: 7_200_000,
      timeout: 20_000,
      permitWithoutCalls: false,
      minRecvPingInterval: 300_000,
      maxPingStrikes: 2,
      maxPingsWithoutData: 2
    },
    handshakeTimeout: 10_000,
    bodyTimeout: 60_000,
    idleTimeout: Infinity,
    awake: 0.05,
    exitTimeout: 1000,
    exitReceiveTimeout: 1000
  }, (call) => call.receiveOne(() => call.reply([body], body.length, nothing)))
  process.stdout.write(`${bound.port}\n`)
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program))
