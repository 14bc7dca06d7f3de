/**
 * Drives a server of six small models with all that it has, one kind of load after the other, round after round. Watches its resident
 * memory, and how long collections of garbage stop its main thread.
 *
 * Memory is flat when the median of the last tenth of the rounds is at most 10 % above that of the second tenth. The first round, in
 * which everything grows to its size, counts for the highest only.
 *
 * Usage: node bench/memory.ts [seconds in all=120] [part of a load's name], after npm run build
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { median, megabytes, Memory, millis, print, processorMillis, type Row } from "./lifecycle/report.ts"
import { quantile } from "./lifecycle/traffic.ts"
import * as loads from "./memory/loads.ts"
import * as models from "./models.ts"
import { start } from "./server.ts"

const seconds = Number(process.argv[2] ?? 120)
const wanted = process.argv[3] ?? ""

/** Of each load in a round. */
const turn = 3
const mostMegabytes = 300
const longestMillis = 20

const chosen = loads.all.filter(({ name }) => name.includes(wanted))
const rounds = Math.max(3, Math.round(seconds / (turn * chosen.length)))

const folder = mkdtempSync(join(tmpdir(), "galatea-memory-"))
const collections = join(folder, "collections")
const server = await start(models.smallRepository(join(folder, "models")), ["--log-info=false"], {
  variables: {
    ...process.env,
    NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=${
      fileURLToPath(new URL("./memory/collections.ts", import.meta.url))
    }`,
    GALATEA_COLLECTIONS: collections
  }
})
try {
  // Threads give back what starting up has used in their first idle second.
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const atStart = server.rss()
  const startPauses = readFileSync(collections, "utf8").length
  const medians: Array<number> = []
  const costs = chosen.map(() => ({ highest: 0, micros: 0, requests: 0 }))
  for (let round = 0; round < rounds; round++) {
    const memory = new Memory(server.rss)
    for (const [i, load] of chosen.entries()) {
      const alone = new Memory(server.rss)
      const before = processorMillis(server.pid)
      const { perSecond } = await load.drive(server, turn)
      const cost = costs[i]!
      alone.stop()
      cost.highest = Math.max(cost.highest, alone.highest())
      cost.micros += (processorMillis(server.pid) - before) * 1000
      cost.requests += perSecond * turn
    }
    memory.stop()
    medians.push(memory.between(0, 1))
    process.stderr.write(
      `round ${round + 1} of ${rounds}: ${megabytes(medians.at(-1)!)}, at most ${megabytes(memory.highest())}\n`
    )
  }
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const pauses = readFileSync(collections, "utf8").slice(startPauses).trim().split("\n")
    .flatMap((line) => JSON.parse(line) as ReadonlyArray<number>).sort((a, b) => a - b)
  const tenth = Math.max(1, Math.round(rounds / 10))
  const early = median(medians.slice(tenth, 2 * tenth))
  const late = median(medians.slice(-tenth))
  const highest = Math.max(...costs.map((cost) => cost.highest))
  const pause = quantile(pauses, 0.999)
  const rows: ReadonlyArray<Row> = [
    { what: "resident memory before any load", value: megabytes(atStart) },
    ...chosen.map(({ name }, i): Row => {
      const { highest, micros, requests } = costs[i]!
      return {
        what: `${name}: most resident memory; processor time of a request`,
        value: `${megabytes(highest)}; ${(micros / requests).toFixed(1)} µs`
      }
    }),
    {
      what: "most resident memory",
      value: megabytes(highest),
      bound: `< ${mostMegabytes} MB`,
      holds: highest < mostMegabytes
    },
    {
      what: `resident memory, medians of the second and the last tenth of ${rounds} rounds`,
      value: `${megabytes(early)}, ${megabytes(late)} (${((late / early - 1) * 100).toFixed(1)} %)`,
      bound: "≤ +10 %",
      holds: late <= early * 1.1
    },
    {
      what: `pauses for garbage, ${pauses.length} of them: median, p99, p99.9, longest`,
      value: [quantile(pauses, 0.5), quantile(pauses, 0.99), pause, pauses.at(-1) ?? 0].map(millis).join(", "),
      bound: `p99.9 < ${longestMillis} ms`,
      holds: pauses.length > 0 && pause < longestMillis
    }
  ]
  print(rows)
} finally {
  await server.stop()
  rmSync(folder, { recursive: true })
}
