/**
 * What a request costs with one front-end thread and with several: processor time of the whole process and of its threads, in turns.
 * Where the time of the threads goes tells how far more processors take the server.
 *
 * The load is `simple` in binary over HTTP at 1 to 512 connections, with the model on the main thread. Up to 256 connections one of the
 * fronts has them all. Linux only, for the times of threads.
 *
 * Usage: node bench/fronts.ts [fronts] [seconds of a load] [rounds]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Models from "../test/fixtures/onnx/Models.ts"
import { drive } from "./load.ts"
import { write as writeModel } from "./models.ts"
import * as Requests from "./requests.ts"
import { start, type Started } from "./server.ts"

const fronts = Number(process.argv[2] ?? 2)
const seconds = Number(process.argv[3] ?? 2)
const rounds = Number(process.argv[4] ?? 5)

/** A thread, and its microseconds so far. */
interface Thread {
  readonly name: string
  readonly micros: number
}

/** The threads of a process, by their ids. */
const threadsOf = (pid: number): ReadonlyMap<string, Thread> =>
  new Map(
    readdirSync(`/proc/${pid}/task`).map((id) => {
      const folder = `/proc/${pid}/task/${id}`
      const [run] = readFileSync(`${folder}/schedstat`, "utf8").split(" ")
      return [id, { name: readFileSync(`${folder}/comm`, "utf8").trim(), micros: Number(run) / 1000 }]
    })
  )

/** Requests of a load, and the microseconds that they took: in all, of the main thread, of all fronts, and of what is left. */
interface Spent {
  readonly requests: number
  readonly total: number
  readonly main: number
  readonly fronts: number
  /** Mostly those of V8, which collect garbage and compile. */
  readonly helpers: number
}

const measure = async (server: Started, connections: number): Promise<Spent> => {
  const { body, headers } = Requests.simple()
  const before = threadsOf(server.pid)
  const { requests } = await drive({
    url: `${server.url}/v2/models/simple/infer`,
    body,
    headers,
    connections,
    seconds
  })
  let [main, fronts, helpers] = [0, 0, 0]
  for (const [id, { micros, name }] of threadsOf(server.pid)) {
    const more = micros - (before.get(id)?.micros ?? 0)
    if (id === String(server.pid)) main += more
    else if (name.startsWith("galatea-front")) fronts += more
    else helpers += more
  }
  return { requests, total: main + fronts + helpers, main, fronts, helpers }
}

/** The middle of what rounds took for a request. */
const medianOf = (rounds: ReadonlyArray<Spent>, part: "total" | "main" | "fronts" | "helpers"): number =>
  rounds.map((spent) => spent[part] / spent.requests).sort((a, b) => a - b)[rounds.length >> 1]!

const write = (what: string, rounds: ReadonlyArray<Spent>): void => {
  const part = (name: "total" | "main" | "fronts" | "helpers") => medianOf(rounds, name).toFixed(1)
  const requests = rounds.reduce((sum, spent) => sum + spent.requests, 0)
  console.log(
    `${what}: ${part("total")} us a request, of which main ${part("main")}, fronts ${part("fronts")}, helpers ${
      part("helpers")
    } (${requests} requests)`
  )
}

/** On the main thread, whatever a machine that is busy now lets the server measure when it loads the model. */
const config = "parameters { key: \"galatea.isolation\" value { string_value: \"inline\" } }"

const folder = mkdtempSync(join(tmpdir(), "galatea-fronts-"))
const servers: Array<Started> = []
try {
  writeModel(folder, "simple", Models.simple(), config)
  const wide = ["--inline-turn-microseconds=10000", "--inline-max-open-ms=1000"]
  const one = await start(folder, wide)
  servers.push(one)
  const more = await start(folder, [...wide, `--http-front-threads=${fronts}`])
  servers.push(more)
  for (const connections of [1, 8, 32, 128, 512]) {
    await measure(one, connections)
    await measure(more, connections)
    const ofOne: Array<Spent> = []
    const ofMore: Array<Spent> = []
    for (let round = 0; round < rounds; round++) {
      ofOne.push(await measure(one, connections))
      ofMore.push(await measure(more, connections))
    }
    write(`${connections} connections, 1 front`, ofOne)
    write(`${connections} connections, ${fronts} fronts`, ofMore)
    console.log(
      `${connections} connections: ${(medianOf(ofMore, "total") / medianOf(ofOne, "total")).toFixed(3)} of one front`
    )
  }
} finally {
  for (const server of servers) await server.stop()
  rmSync(folder, { recursive: true })
}
