/**
 * What a start takes, stage by stage: each row does all that the rows above it do. Of a command wall and processor time until it ends,
 * of a server until it is ready, and its resident memory then. On a machine that has other things to do, processor time says more.
 *
 * Usage: npm run build && node bench/start.ts [<repetitions>]
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as models from "./models.ts"
import { start } from "./server.ts"

const repetitions = Number(process.argv[2] ?? 5)
const launcher = fileURLToPath(new URL("../bin/galatea.js", import.meta.url))

interface Taken {
  /** Milliseconds. */
  readonly wall: number
  /** Milliseconds of all its threads. */
  readonly processor: number
  /** Megabytes; of a command none. */
  readonly resident?: number
}

interface Stage {
  readonly name: string
  readonly take: () => Promise<Taken>
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const tickMillis = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

/** Processor time of a process, or of those that have ended below it, in milliseconds and in steps of a tick. */
const processorOf = (pid: number | "self", of: "own" | "ended"): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  const [user, system] = of === "own" ? [11, 12] : [13, 14]
  return (Number(fields[user]) + Number(fields[system])) * tickMillis
}

type Variables = Readonly<Record<string, string>>

const command = (name: string, words: ReadonlyArray<string>, variables: Variables = {}): Stage => ({
  name,
  take: () => {
    const before = processorOf("self", "ended")
    const began = performance.now()
    const { status } = spawnSync(process.execPath, words, { stdio: "ignore", env: { ...process.env, ...variables } })
    const wall = performance.now() - began
    if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}`)
    return Promise.resolve({ wall, processor: processorOf("self", "ended") - before })
  }
})

const server = (name: string, repository: string, flags: ReadonlyArray<string>, variables: Variables = {}): Stage => ({
  name,
  take: async () => {
    const started = await start(repository, flags, { variables })
    const taken = { wall: started.startMillis, processor: processorOf(started.pid, "own"), resident: started.rss() }
    await started.stop()
    return taken
  }
})

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
try {
  const small = models.smallRepository(join(folder, "small"))
  const kept = { XDG_CACHE_HOME: folder }
  const compiled = { NODE_DISABLE_COMPILE_CACHE: "1" }
  const none = ["--model-control-mode=explicit"]
  const stages = [
    command("Node alone", ["--eval", "0"]),
    command("`galatea --version`", [launcher, "--version"], kept),
    command("`galatea --help`", [launcher, "--help"], kept),
    command("`galatea --help`, nothing kept compiled", [launcher, "--help"], compiled),
    server("ready without models", small, none, kept),
    server("ready without models, nothing kept compiled", small, none, compiled),
    server("ready with six small models", small, [], kept),
    server("ready with six small models, nothing kept compiled", small, [], compiled)
  ]
  // What is kept compiled is there from the second time on.
  for (const { take } of stages) await take()
  const taken = stages.map((): Array<Taken> => [])
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [i, { take }] of stages.entries()) taken[i]!.push(await take())
  }
  const rows = stages.map(({ name }, i) => {
    const [wall, processor] = [median(taken[i]!.map(({ wall }) => wall)), median(taken[i]!.map((one) => one.processor))]
    const resident = taken[i]!.flatMap(({ resident }) => resident === undefined ? [] : [resident])
    return `| ${name} | ${wall.toFixed(0)} | ${processor.toFixed(0)} | ${
      resident.length === 0 ? "–" : median(resident).toFixed(0)
    } |`
  })
  process.stdout.write([
    `| stage, median of ${repetitions} | ms | ms of processor time | MB resident |`,
    "| --- | --- | --- | --- |",
    ...rows,
    ""
  ].join("\n"))
} finally {
  rmSync(folder, { recursive: true })
}
