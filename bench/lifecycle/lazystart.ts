/**
 * Starts a server with many models that load when they are asked for: time until it is ready, and until the first answer.
 *
 * Usage: node bench/lifecycle/lazystart.ts [models=200] [repetitions=5]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start } from "../server.ts"
import { Connection } from "./connection.ts"
import { median, megabytes, millis, print, processorMillis } from "./report.ts"
import * as tables from "./tables.ts"

const models = Number(process.argv[2] ?? 200)
const repetitions = Number(process.argv[3] ?? 5)

const folder = mkdtempSync(join(tmpdir(), "galatea-lazystart-"))
const repository = join(folder, "models")
try {
  for (let i = 0; i < models; i++) {
    tables.place(repository, `table_${i}`, {
      ...(i % 2 === 0 ? {} : { "config.pbtxt": tables.config() }),
      "1/model.onnx": tables.table(i, 1 << 20)
    })
  }
  const starts: Array<number> = []
  const firsts: Array<number> = []
  const works: Array<number> = []
  const sizes: Array<number> = []
  let wrong = 0
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const server = await start(repository, ["--model-residency-budget=2000000000", "--log-info=false"])
    try {
      starts.push(server.startMillis)
      sizes.push(server.rss())
      works.push(processorMillis(server.pid))
      const began = performance.now()
      const connection = new Connection(server.port)
      const { body, status } = await connection.ask(tables.request(`table_${models >> 1}`), 30_000)
      firsts.push(performance.now() - began)
      connection.close()
      if (status !== 200 || tables.valueOf(body) !== models >> 1) wrong++
      const index = await (await fetch(`${server.url}/v2/repository/index`, { method: "POST" })).json()
      if (
        (index as ReadonlyArray<{ readonly state?: string }>).filter(({ state }) => state === "READY").length !== models
      ) {
        wrong++
      }
    } finally {
      await server.stop()
    }
  }
  print([
    {
      what: `start to ready with ${models} models of 1 MB, median of ${repetitions}`,
      value: `${millis(median(starts))} (${millis(Math.min(...starts))} to ${millis(Math.max(...starts))})`,
      bound: "< 2,000 ms",
      holds: median(starts) < 2000
    },
    { what: "processor time until then", value: millis(median(works)) },
    { what: "resident memory then", value: megabytes(median(sizes)) },
    { what: "first request of a model, which loads it", value: millis(median(firsts)) },
    {
      what: "wrong answers, or models that the index does not list as ready",
      value: String(wrong),
      bound: "0",
      holds: wrong === 0
    }
  ])
} finally {
  rmSync(folder, { recursive: true })
}
