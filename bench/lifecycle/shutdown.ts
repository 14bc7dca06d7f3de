/**
 * Ends a server under load: clients that stop as soon as a probe, every 20 ms, says that it is not ready; SIGTERM in the middle, and a
 * drain delay that leaves time to notice. Nothing may fail, and the server has to end with 0.
 *
 * Usage: node bench/lifecycle/shutdown.ts [repetitions=5] [drain delay in milliseconds=1000]
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start as startServer } from "../server.ts"
import { failedRow, millis, print, type Row } from "./report.ts"
import * as tables from "./tables.ts"
import { start as startTraffic } from "./traffic.ts"

const repetitions = Number(process.argv[2] ?? 5)
const drain = Number(process.argv[3] ?? 1000)

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const folder = mkdtempSync(join(tmpdir(), "galatea-shutdown-"))
const repository = join(folder, "models")
mkdirSync(repository)
tables.place(repository, "table", {
  "config.pbtxt": tables.config(1, "dynamic_batching { max_queue_delay_microseconds: 20000 }"),
  "1/model.onnx": tables.table(7)
})
const rows: Array<Row> = []
try {
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const server = await startServer(repository, ["--log-info=false", `--exit-drain-ms=${drain}`])
    let ready = true
    /** As a load balancer does it: what is not ready gets no new requests. */
    const watch = (async () => {
      while (ready) {
        ready = await fetch(`${server.url}/v2/health/ready`).then(({ status }) => status === 200, () => false)
        await sleep(20)
      }
    })()
    const request = tables.request("table")
    const traffic = startTraffic({
      port: server.port,
      connections: 32,
      perSecond: 600,
      goOn: () => ready,
      next: () => ({ request, problem: (body) => tables.valueOf(body) === 7 ? undefined : "a wrong answer" })
    })
    await sleep(1500)
    const began = performance.now()
    const code = await server.terminate()
    const took = performance.now() - began
    await Promise.all([traffic.ended, watch])
    rows.push(failedRow(`end ${repetition + 1}`, traffic), {
      what: `end ${repetition + 1}: exit code, and time from SIGTERM`,
      value: `${code}, ${millis(took)}`,
      bound: "0",
      holds: code === 0
    })
  }
} finally {
  rmSync(folder, { recursive: true })
}
print(rows)
