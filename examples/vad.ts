/**
 * Finds the speech in a recording with Silero VAD, versions 5 and 6, while the server keeps the state of each stream.
 *
 *     node examples/vad.ts [http://127.0.0.1:8000] [127.0.0.1:8001]
 *
 * The recording goes to the server as it would come from a microphone, 32 ms at a time, as the steps of a sequence: over a gRPC stream,
 * then over RPC on a WebSocket. Both must give to the bit what ONNX Runtime gives when it is driven by hand, and the speech must be
 * where it is known to be. Then 16 streams speak at once, whose windows the server runs together. Exit code 1 where anything differs.
 */
import { Effect, Layer } from "effect"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import { tensor } from "../src/client/Client.ts"
import { connectGrpc } from "../src/client/GrpcClient.ts"
import * as Rpc from "../src/client/RpcClient.ts"
import { fail, orFail, serverUrl } from "./program.ts"
import { byHand } from "./vad/byHand.ts"
import { checkSegments, sampleRate, segments, windows } from "./vad/recording.ts"

/** What the model takes and gives, as `galatea codegen` writes it: the state is the server's own. */
const models = {
  silero_stream: {
    inputs: { input: { datatype: "FP32", shape: [-1, -1] }, sr: { datatype: "INT64", shape: [1] } },
    outputs: { output: { datatype: "FP32", shape: [-1, 1] } }
  }
} as const

const recording = windows()
const sr = BigInt64Array.of(BigInt(sampleRate))

/** The window of this number as a step of a sequence. */
const step = (version: number, id: bigint | string, number: number) => ({
  inputs: { input: tensor(recording[number]!, [1, recording[number]!.length]), sr },
  options: { version, sequence: { id, start: number === 0, end: number === recording.length - 1 } }
})

const grpc = connectGrpc(process.argv[3] ?? `${new URL(serverUrl()).hostname}:8001`, { models })

/** A microphone hears the next window when the one before it was answered. */
const overGrpc = async (version: number, id: bigint | string): Promise<Array<number>> => {
  const found: Array<number> = []
  let heard = Promise.withResolvers<void>()
  async function* microphone() {
    for (let number = 0; number < recording.length; number++) {
      yield step(version, id, number)
      await heard.promise
      heard = Promise.withResolvers()
    }
  }
  for await (const { outputs } of grpc.stream("silero_stream", microphone())) {
    found.push(outputs.output.data[0]!)
    heard.resolve()
  }
  return found
}

const overWebSocket = (version: number, id: bigint | string) => {
  const socket = new URL("/rpc", serverUrl())
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:"
  const protocol = RpcClient.layerProtocolSocket().pipe(
    Layer.provide(Socket.layerWebSocket(socket.href)),
    Layer.provide(Socket.layerWebSocketConstructorGlobal),
    Layer.provide(RpcSerialization.layerSchemaBinary({ maxFrameSize: "unbounded" }))
  )
  return Effect.gen(function*() {
    const client = yield* Rpc.make({ models })
    const found: Array<number> = []
    for (let number = 0; number < recording.length; number++) {
      const { inputs, options } = step(version, id, number)
      const { outputs } = yield* client.infer("silero_stream", inputs, options)
      found.push(outputs.output.data[0]!)
    }
    return found
  }).pipe(Effect.provide(protocol), Effect.scoped, Effect.runPromise)
}

const same = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((value, i) => Object.is(value, b[i]))

const timed = async <A>(run: () => Promise<A>): Promise<readonly [A, number]> => {
  const began = performance.now()
  const result = await run().catch(orFail)
  return [result, (performance.now() - began) / 1000]
}

let id = process.hrtime.bigint()
for (const version of [5, 6]) {
  const expected = await byHand(version, recording)
  const [streamed, seconds] = await timed(() => overGrpc(version, ++id))
  const [spoken] = await timed(() => overWebSocket(version, `microphone-${++id}`))
  if (!same(streamed, expected)) fail(`version ${version} over a gRPC stream differs from ONNX Runtime driven by hand`)
  if (!same(spoken, expected)) fail(`version ${version} over a WebSocket differs from ONNX Runtime driven by hand`)
  const speech = segments(streamed)
  console.log(`silero_stream version ${version}: ${expected.length} windows, equal to ONNX Runtime driven by hand`)
  for (const { end, start } of speech) console.log(`  speech from ${start.toFixed(2)} s to ${end.toFixed(2)} s`)
  checkSegments(speech)

  const [all, together] = await timed(() => Promise.all(Array.from({ length: 16 }, () => overGrpc(version, ++id))))
  // Rows of a larger batch may be added up in another order: equal to what a probability means, not to the bit.
  if (!all.every((one) => one.every((value, i) => Math.abs(value - expected[i]!) < 1e-4))) {
    fail(`of 16 streams of version ${version} at once one differs from ONNX Runtime driven by hand`)
  }
  const alone = expected.length / seconds
  const rate = 16 * expected.length / together
  console.log(
    `  ${alone.toFixed(0)} windows/s alone, ${rate.toFixed(0)} windows/s of 16 at once: ${
      (rate / alone).toFixed(1)
    } times`
  )
}
await grpc.close()
console.log("ok")
