/**
 * Constant traffic over HTTP and gRPC on a model that is replaced every second: a new version, other contents of the one that
 * serves, another config. One server polls its repository, another one is told to load; both at the same time.
 *
 * An answer is wrong when it is older than one that its connection had before. Memory is flat when the median of the last tenth of
 * the time is at most 10 % above the median of the second tenth.
 *
 * Usage: node bench/lifecycle/soak.ts [seconds=600] [poll|explicit]
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start as startServer } from "../server.ts"
import * as calls from "./calls.ts"
import { failedRow, megabytes, Memory, millis, print, type Row, scrape } from "./report.ts"
import { Swaps } from "./swaps.ts"
import * as tables from "./tables.ts"
import { quantile, start as startTraffic } from "./traffic.ts"

const seconds = Number(process.argv[2] ?? 600)
const modes = (["poll", "explicit"] as const).filter((mode) => (process.argv[3] ?? mode) === mode)

const flags = {
  poll: ["--model-control-mode=poll", "--repository-poll-secs=1", "--repository-settle-ms=100"],
  explicit: ["--model-control-mode=explicit", "--load-model=table"]
}

const soak = async (mode: "poll" | "explicit"): Promise<ReadonlyArray<Row>> => {
  const folder = mkdtempSync(join(tmpdir(), "galatea-soak-"))
  const repository = join(folder, "models")
  mkdirSync(repository)
  const swaps = new Swaps(repository, "table")
  const server = await startServer(repository, [...flags[mode], "--log-info=false"])
  try {
    const seen = new Set<number>()
    /** An answer must be one of what was ever put in place, and no older than `newest`, the newest before it was asked for. */
    const check = (value: number, newest: number): string | undefined => {
      if (!swaps.placed(value) || value < newest) return `the answer was ${value} after ${newest}`
      seen.add(value)
      return undefined
    }
    let newest = 0
    const request = tables.request("table")
    const http = startTraffic({
      port: server.port,
      connections: 6,
      perSecond: 120,
      next: () => {
        const before = newest
        return {
          request,
          problem: (body) => {
            const value = tables.valueOf(body)
            newest = Math.max(newest, value)
            return check(value, before)
          }
        }
      }
    })
    const grpc = calls.start(server.grpcPort, 20, check)
    const memory = new Memory(server.rss)
    const latencies: Array<number> = []
    const end = performance.now() + seconds * 1000
    let failedSwaps = 0
    for (let n = 1; performance.now() < end; n++) {
      const due = end - seconds * 1000 + n * 1000
      const config = swaps.next()
      if (mode === "explicit") {
        const response = await fetch(`${server.url}/v2/repository/models/table/load`, {
          method: "POST",
          body: JSON.stringify(config === undefined ? {} : { parameters: { config } })
        })
        if (response.status !== 200) {
          failedSwaps++
          process.stderr.write(`load: ${response.status} ${await response.text()}\n`)
        } else await response.arrayBuffer()
      }
      for (const latency of http.takeLatencies()) latencies.push(latency)
      if (n % 60 === 0) {
        process.stderr.write(
          `${mode} ${n} s: ${http.answered()} answers, ${http.failed()} failed, ${seen.size} contents seen, ` +
            `${megabytes(server.rss())}\n`
        )
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
    }
    await http.stop()
    await grpc.stop()
    memory.stop()
    latencies.sort((a, b) => a - b)
    const series = [...(await scrape(server.metricsUrl)).keys()].filter((name) => name.includes("\"table\"")).length
    const early = memory.between(0.1, 0.2)
    const last = memory.between(0.9, 1)
    const code = await server.terminate()
    return [
      failedRow(`${mode}, HTTP`, http),
      failedRow(`${mode}, gRPC`, grpc),
      {
        what: `${mode}: contents put in place, and seen in answers`,
        value: `${swaps.count}, ${seen.size}`,
        // Between two looks at the repository, and two more that agree, several may pass.
        bound: mode === "poll" ? "a quarter of them" : "all, as far as loads keep up",
        holds: seen.size > swaps.count * (mode === "poll" ? 0.25 : 0.9) && failedSwaps === 0
      },
      {
        what: `${mode}: p50, p99 and slowest answer`,
        value: [0.5, 0.99, 1].map((at) => millis(quantile(latencies, at))).join(", ")
      },
      {
        what: `${mode}: resident memory, second and last tenth`,
        value: `${megabytes(early)}, ${megabytes(last)} (${((last / early - 1) * 100).toFixed(1)} %); highest ${
          megabytes(memory.highest())
        }`,
        bound: "≤ +10 %",
        holds: last <= early * 1.1
      },
      { what: `${mode}: series of the model in the metrics at the end`, value: String(series) },
      { what: `${mode}: exit code after SIGTERM`, value: String(code), bound: "0", holds: code === 0 }
    ]
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

print((await Promise.all(modes.map(soak))).flat())
