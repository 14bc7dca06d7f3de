/**
 * Tensors in shared memory of the client, beside the same in the body of a request: `node bench/sharedMemory.ts [seconds]`.
 *
 * The FP32 identity with 602 kB each way, over HTTP. Both are measured in short turns, on one built server, so that other
 * work on the machine meets both.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { drive } from "./load.ts"
import * as models from "./models.ts"
import * as requests from "./requests.ts"
import { start, type Started } from "./server.ts"

const seconds = Number(process.argv[2] ?? 1)
const rounds = 15

const byteSize = models.identityShape.reduce((product, dim) => product * dim, 4)

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** A request whose tensor comes from one region and goes to another, in a place of its own for each connection. */
const moved = (place: number): Uint8Array => {
  const at = (region: string) => ({
    shared_memory_region: region,
    shared_memory_byte_size: byteSize,
    shared_memory_offset: place * byteSize
  })
  return Buffer.from(JSON.stringify({
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: models.identityShape, parameters: at("in") }],
    outputs: [{ name: "OUTPUT0", parameters: at("out") }]
  }))
}

/** Milliseconds of processor time that the server has used. */
const processorMillis = ({ pid }: Started): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const measure = async (server: Started, connections: number, body: Uint8Array, turns?: ReadonlyArray<Uint8Array>) => {
  const { headers } = turns === undefined ? binary : { headers: { "Content-Type": "application/json" } }
  const before = processorMillis(server)
  const { p50, perSecond } = await drive({
    url: `${server.url}/v2/models/identity_fp32/infer`,
    body,
    ...(turns === undefined ? {} : { turns }),
    headers,
    connections,
    seconds
  })
  return { p50, perSecond, processor: (processorMillis(server) - before) * 1000 / (perSecond * seconds) }
}

const binary = requests.float32("INPUT0", models.identityShape)
const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
const keys = ["in", "out"].map((name) => `/bench_${process.pid}_${name}`)
const places = 8
try {
  for (const key of keys) writeFileSync(`/dev/shm${key}`, new Uint8Array(places * byteSize))
  const server = await start(models.smallRepository(folder), ["--allow-client-shm=true"])
  for (const [i, region] of ["in", "out"].entries()) {
    const { status } = await fetch(`${server.url}/v2/systemsharedmemory/region/${region}/register`, {
      method: "POST",
      body: JSON.stringify({ key: keys[i], byte_size: places * byteSize })
    })
    if (status !== 200) throw new Error(`the region ${region} was not registered: ${status}`)
  }
  const turns = Array.from({ length: places }, (_, i) => moved(i))
  for (const connections of [1, 8]) {
    const pairs: Array<ReadonlyArray<Awaited<ReturnType<typeof measure>>>> = []
    for (let round = 0; round < rounds; round++) {
      const body = await measure(server, connections, binary.body)
      pairs.push([body, await measure(server, connections, turns[0]!, turns)])
    }
    const of = (
      which: number,
      read: (one: { readonly p50: number; readonly perSecond: number; readonly processor: number }) => number
    ) => median(pairs.map((pair) => read(pair[which]!)))
    const ratios = pairs.map(([body, shared]) => shared!.perSecond / body!.perSecond).toSorted((a, b) => a - b)
    const at = (share: number): string => ratios[Math.floor(share * rounds)]!.toFixed(2)
    process.stdout.write(
      `${connections} connections: shared memory ${of(1, (one) => one.perSecond).toFixed(0)} requests/s, p50 ` +
        `${of(1, (one) => one.p50).toFixed(0)} µs, ${
          of(1, (one) => one.processor).toFixed(0)
        } µs of processor time each; ` +
        `body ${of(0, (one) => one.perSecond).toFixed(0)}, ${of(0, (one) => one.p50).toFixed(0)} µs, ` +
        `${of(0, (one) => one.processor).toFixed(0)} µs; ratio ${at(0.5)} (quartiles ${at(0.25)}–${at(0.75)})\n`
    )
  }
  await server.stop()
} finally {
  rmSync(folder, { recursive: true })
  for (const key of keys) rmSync(`/dev/shm${key}`, { force: true })
}
