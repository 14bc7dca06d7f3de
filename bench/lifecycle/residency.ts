/**
 * More models than memory: 100 models, room for about 10, Zipf traffic from 16 connections.
 *
 * Memory is that of the server beyond what it had before the first load, sampled four times a second.
 *
 * Usage: node bench/lifecycle/residency.ts [seconds=60] [models=100] [megabytes of each=32] [room for models=10] [requests/s=100]
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start as startServer } from "../server.ts"
import { failedRow, megabytes, Memory, memoryOf, millis, print, processorMillis, scrape } from "./report.ts"
import * as tables from "./tables.ts"
import { quantile, start as startTraffic } from "./traffic.ts"

const seconds = Number(process.argv[2] ?? 60)
const models = Number(process.argv[3] ?? 100)
const size = Number(process.argv[4] ?? 32)
const room = Number(process.argv[5] ?? 10)
const perSecond = Number(process.argv[6] ?? 100)

/** Weights, and what an instance needs beside them: a thread with its heap, and the runtime's own. */
const budget = room * (size + 16) * 2 ** 20

/** The model of rank r is asked for in proportion to 1 / r; the order is the same in every run. */
const makeZipf = (count: number): () => number => {
  const sums: Array<number> = []
  let sum = 0
  for (let rank = 1; rank <= count; rank++) sums.push(sum += 1 / rank)
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const at = state / 2 ** 32 * sum
    return sums.findIndex((upTo) => at < upTo)
  }
}

const folder = mkdtempSync(join(tmpdir(), "galatea-residency-"))
const repository = join(folder, "models")
mkdirSync(repository)
for (let i = 0; i < models; i++) {
  tables.place(repository, `table_${i}`, {
    "config.pbtxt": tables.config(),
    "1/model.onnx": tables.table(i, size << 20)
  })
}
const server = await startServer(repository, [`--model-residency-budget=${budget}`, "--log-info=false"])
try {
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const before = server.rss()
  const zipf = makeZipf(models)
  const requests = Array.from({ length: models }, (_, i) => tables.request(`table_${i}`))
  const traffic = startTraffic({
    port: server.port,
    connections: 16,
    perSecond,
    timeoutMillis: 60_000,
    next: () => {
      const which = zipf()
      return {
        request: requests[which]!,
        problem: (body) => {
          const value = tables.valueOf(body)
          return value === which ? undefined : `table_${which} answered ${value}`
        }
      }
    }
  })
  const memory = new Memory(server.rss)
  const began = performance.now()
  const workBefore = processorMillis(server.pid)
  let accounted = 0
  let figures = await scrape(server.metricsUrl)
  const figure = (name: string) => figures.get(`galatea_residency_${name}`) ?? NaN
  while (performance.now() - began < seconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    figures = await scrape(server.metricsUrl)
    accounted = Math.max(accounted, figure("accounted_bytes"))
    if (memory.samples.length % 40 === 0) {
      process.stderr.write(
        `${((performance.now() - began) / 1000).toFixed(0)} s: ${figure("resident_versions")} in memory, ` +
          `${megabytes(figure("accounted_bytes") / 2 ** 20)} accounted, ${megabytes(server.rss() - before)} in fact, ` +
          `${figure("loads_total")} loads, ${traffic.answered()} answers ${JSON.stringify(memoryOf(server.pid))}\n`
      )
    }
  }
  memory.stop()
  await traffic.stop()
  const took = (performance.now() - began) / 1000
  const latencies = traffic.takeLatencies()
  const loads = figure("loads_total")
  const work = processorMillis(server.pid) - workBefore
  const budgetMegabytes = budget / 2 ** 20
  const highest = memory.highest() - before
  print([
    failedRow(`${models} models of ${size} MB, 16 connections`, traffic),
    { what: "budget", value: megabytes(budgetMegabytes) },
    {
      what: "highest accounted bytes",
      value: megabytes(accounted / 2 ** 20),
      bound: "≤ the budget",
      holds: accounted <= budget && accounted > 0
    },
    {
      what: "growth of the process: highest, and median of the second half",
      value: `${megabytes(highest)} (${(highest / budgetMegabytes).toFixed(2)} of the budget), ${
        megabytes(memory.between(0.5, 1) - before)
      }`,
      bound: "≤ 1.2 of the budget",
      holds: highest <= budgetMegabytes * 1.2
    },
    { what: "models in memory at the end", value: String(figure("resident_versions")) },
    {
      what: "load failures",
      value: String(figure("load_failures_total")),
      bound: "0",
      holds: figure("load_failures_total") === 0
    },
    {
      what: "loads, and processor time for each",
      value: `${loads} (${(loads / took).toFixed(1)}/s), ${millis(work / loads)}`
    },
    {
      what: "answers that needed no load of their own",
      value: `${((1 - loads / traffic.answered()) * 100).toFixed(0)} %`
    },
    { what: "answers a second", value: (traffic.answered() / took).toFixed(0) },
    {
      what: "p50, p90, p99 and slowest answer",
      value: [0.5, 0.9, 0.99, 1].map((at) => millis(quantile(latencies, at))).join(", ")
    }
  ])
} finally {
  await server.stop()
  rmSync(folder, { recursive: true })
}
