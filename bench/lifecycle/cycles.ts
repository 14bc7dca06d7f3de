/**
 * Loads and unloads one model again and again through the API, and watches the memory of the server. That is a saw: it grows by
 * garbage until a collection.
 *
 * Usage: node bench/lifecycle/cycles.ts [cycles=1000] [megabytes of the model=8]
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start } from "../server.ts"
import { Connection } from "./connection.ts"
import { median, megabytes, memoryOf, millis, print, processorMillis } from "./report.ts"
import * as tables from "./tables.ts"

const cycles = Number(process.argv[2] ?? 1000)
const size = Number(process.argv[3] ?? 8)

const folder = mkdtempSync(join(tmpdir(), "galatea-cycles-"))
const repository = join(folder, "models")
mkdirSync(repository)
tables.place(repository, "table", {
  "config.pbtxt": tables.config(),
  "1/model.onnx": tables.table(7, size << 20)
})
const server = await start(repository, ["--model-control-mode=explicit", "--log-info=false"])
try {
  const control = async (action: "load" | "unload") => {
    const response = await fetch(`${server.url}/v2/repository/models/table/${action}`, { method: "POST" })
    if (response.status !== 200) throw new Error(`${action}: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const isLoaded = async () => {
    const index = await fetch(`${server.url}/v2/repository/index`, { method: "POST" })
    return (await index.json() as ReadonlyArray<{ readonly state?: string }>)[0]?.state !== "UNAVAILABLE"
  }
  const samples: Array<number> = []
  const connection = new Connection(server.port)
  const request = tables.request("table")
  let wrong = 0
  const began = performance.now()
  const before = processorMillis(server.pid)
  for (let cycle = 0; cycle < cycles; cycle++) {
    await control("load")
    const { body, status } = await connection.ask(request, 10_000)
    if (status !== 200 || tables.valueOf(body) !== 7) wrong++
    await control("unload")
    while (await isLoaded()) await new Promise((resolve) => setTimeout(resolve, 1))
    samples.push(server.rss())
    if (cycle % Math.ceil(cycles / 10) === 0) {
      process.stderr.write(`${cycle}: ${megabytes(server.rss())} ${JSON.stringify(memoryOf(server.pid))}\n`)
    }
  }
  connection.close()
  const tenth = Math.ceil(cycles / 10)
  const half = Math.ceil(cycles / 2)
  const early = median(samples.slice(tenth, 2 * tenth))
  const middle = median(samples.slice(half, half + tenth))
  const late = median(samples.slice(-tenth))
  print([
    { what: `cycles of a model of ${size} MB`, value: String(cycles) },
    { what: "wrong answers between load and unload", value: String(wrong), bound: "0", holds: wrong === 0 },
    {
      what: "time and processor time of a cycle",
      value: `${millis((performance.now() - began) / cycles)}, ${
        millis((processorMillis(server.pid) - before) / cycles)
      }`
    },
    {
      what: "resident memory, medians of the second and the last tenth",
      value: `${megabytes(early)}, ${megabytes(late)} (${((late / early - 1) * 100).toFixed(1)} %)`,
      bound: "< +5 %",
      holds: late < early * 1.05
    },
    {
      what: "resident memory, medians of the sixth and the last tenth",
      value: `${megabytes(middle)}, ${megabytes(late)} (${((late / middle - 1) * 100).toFixed(1)} %)`
    }
  ])
} finally {
  await server.stop()
  rmSync(folder, { recursive: true })
}
