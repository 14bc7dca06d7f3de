/**
 * The server's own transports alone, beside those of Node: processor time for each request of servers that read it and answer a fixed body.
 * Where the whole server costs more than it did and these do not, the loss is behind them; `stages.ts` has the stages there.
 *
 * Usage: node bench/transports.ts [<rounds>]; each round has loads of a second in the order A B B A.
 */
import * as grpc from "./grpc.ts"
import { median } from "./lifecycle/report.ts"
import { drive, type Outcome } from "./load.ts"
import * as models from "./models.ts"
import { metered } from "./processor.ts"
import * as requests from "./requests.ts"
import { type Yardstick, yardstick } from "./server.ts"

const rounds = Number(process.argv[2] ?? 3)
const seconds = 1

interface Pair {
  readonly name: string
  readonly own: string
  readonly node: string
  readonly args: ReadonlyArray<string>
  readonly load: (port: number) => Promise<Outcome>
}

const http = (name: string, request: requests.BinaryRequest, answer: number, connections: number): Pair => ({
  name: `HTTP/1.1, ${name}, ${connections === 1 ? "1 connection" : `${connections} connections`}`,
  own: "ownEcho.ts",
  node: "echo.ts",
  args: [String(answer), request.headers["Content-Type"]!],
  load: (port) => drive({ ...request, url: `http://127.0.0.1:${port}/`, connections, seconds })
})

const overGrpc = (name: string, body: Uint8Array, answer: number, connections: number, streams: number): Pair => ({
  name: `gRPC, ${name}, ${connections === 1 ? "1 connection" : `${connections} connections`} with ${
    streams === 1 ? "1 stream" : `${streams} streams`
  }`,
  own: "grpcEcho.ts",
  node: "http2Echo.ts",
  args: [String(answer)],
  load: (port) => grpc.drive({ body, connections, streams, port, seconds })
})

const large = requests.float32("INPUT0", models.identityShape)
const simple = grpc.inferBody("simple", requests.simpleInputs())
/** What the model answers with: two tensors of 64 bytes and their names. */
const smallAnswer = 340
const largeAnswer = 602_300

const pairs: ReadonlyArray<Pair> = [
  http("`simple` in binary", requests.simple(), smallAnswer, 1),
  http("`simple` in binary", requests.simple(), smallAnswer, 32),
  http("602 kB each way", large, largeAnswer, 8),
  ...(grpc.available
    ? [
      overGrpc("`simple`", simple, smallAnswer, 1, 1),
      overGrpc("`simple`", simple, smallAnswer, 32, 1),
      overGrpc("`simple`", simple, smallAnswer, 1, 32)
    ]
    : [])
]

const compare = async ({ args, load, name, node, own }: Pair): Promise<void> => {
  const servers = [await yardstick(own, args), await yardstick(node, args)] as const
  try {
    const measure = ({ line, pid }: Yardstick) => metered(pid, () => load(Number(line)))
    for (const server of servers) await measure(server)
    const micros: [Array<number>, Array<number>] = [[], []]
    const perSecond: [Array<number>, Array<number>] = [[], []]
    for (let round = 0; round < rounds; round++) {
      for (const side of [0, 1, 1, 0] as const) {
        const outcome = await measure(servers[side])
        micros[side].push(outcome.micros)
        perSecond[side].push(outcome.perSecond)
      }
    }
    const [ours, nodes] = micros.map(median) as [number, number]
    const [fast, beside] = perSecond.map(median) as [number, number]
    process.stdout.write(
      `| ${name} | ${ours.toFixed(1)} | ${nodes.toFixed(1)} | ${(ours / nodes).toFixed(2)} | ${fast.toFixed(0)} | ${
        beside.toFixed(0)
      } |\n`
    )
  } finally {
    for (const { stop } of servers) stop()
  }
}

process.stdout.write(
  "| load | own transport, µs of processor a request | Node's | ratio | own transport, requests/s | Node's |\n" +
    "| --- | --- | --- | --- | --- | --- |\n"
)
for (const pair of pairs) await compare(pair)
