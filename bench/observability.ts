/**
 * What it costs to watch: `simple` over HTTP at 32 connections, on servers that differ in nothing else, in turns.
 *
 * Usage: npm run build && node bench/observability.ts [<seconds of each load> [<a checkout of another commit, built>]]
 *
 * With another checkout it stands beside this one with everything off. Prints a Markdown table; ends with 1 when a goal is missed.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { median, processorMillis } from "./lifecycle/report.ts"
import { drive } from "./load.ts"
import * as models from "./models.ts"
import * as requests from "./requests.ts"
import { freePort, start, yardstick } from "./server.ts"

const seconds = Number(process.argv[2] ?? 3)
const other = process.argv[3]
const rounds = 10
/** By then the compiler has made of the path of a request what it will make of it. */
const warmUpSeconds = 5

interface Variant {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly stop: () => Promise<void>
  readonly perSecond: Array<number>
  /** Microseconds of the process' processors for each request. */
  readonly micros: Array<number>
}

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
const repository = models.smallRepository(join(folder, "small"))
const here = fileURLToPath(new URL("..", import.meta.url))
const variants: Array<Variant> = []

const serve = async (
  name: string,
  variables: Readonly<Record<string, string>> = {},
  flags: ReadonlyArray<string> = [],
  checkout = here
): Promise<Variant> => {
  const { pid, stop, url } = await start(repository, flags, { variables, checkout })
  const variant = { name, url, pid, stop, perSecond: [], micros: [] }
  variants.push(variant)
  return variant
}

/** A server inside of a program, which counts or counts nothing. */
const serveInside = async (books: "counted" | "uncounted"): Promise<Variant> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const script = fileURLToPath(new URL("./yardsticks/books.ts", import.meta.url))
  const child = spawn(
    process.execPath,
    [script, join(here, "dist/layers/Server.js"), repository, String(port), books],
    {
      stdio: ["ignore", "ignore", "inherit"]
    }
  )
  const gone = new Promise<void>((done) => child.once("exit", () => done()))
  while (!(await fetch(`${url}/v2/health/ready`).then(({ status }) => status === 200, () => false))) {
    if (child.exitCode !== null) throw new Error(`the server (${books}) ended with ${child.exitCode}`)
    await new Promise((done) => setTimeout(done, 50))
  }
  const variant = {
    name: books,
    url,
    pid: child.pid!,
    stop: () => {
      child.kill("SIGKILL")
      return gone
    },
    perSecond: [],
    micros: []
  }
  variants.push(variant)
  return variant
}

const request = requests.simple()
const load = (variant: Variant, time: number) =>
  drive({ ...request, url: `${variant.url}/v2/models/simple/infer`, connections: 32, seconds: time })

interface Row {
  readonly what: string
  readonly value: Variant
  readonly beside: Variant
  /** Requests per second beside those of the other, at least. */
  readonly least: number
  readonly goal: string
}

const sink = await yardstick("otlpSink.ts", [])
try {
  const endpoint = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.line}`,
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none"
  }
  const off = await serve("off")
  const uncounted = await serveInside("uncounted")
  const counted = await serveInside("counted")
  const hundredth = await serve("1 % sampled", {
    ...endpoint,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.01"
  })
  const all = await serve("every request traced", endpoint)
  const rows: Array<Row> = [
    {
      what: "metrics and histograms, beside nothing counted",
      value: counted,
      beside: uncounted,
      least: 0.97,
      goal: "< 3 %"
    },
    { what: "1 % of requests traced, beside tracing off", value: hundredth, beside: off, least: 0.97, goal: "< 3 %" },
    { what: "every request traced, beside tracing off", value: all, beside: off, least: 0.65, goal: "< 35 %" }
  ]
  if (other !== undefined) {
    const without = await serve("the other build", {}, [], resolve(other))
    rows.unshift({
      what: "tracing off, beside a build without it",
      value: off,
      beside: without,
      least: 0.97,
      goal: "not to be told apart"
    })
  }
  for (const variant of variants) await load(variant, warmUpSeconds)
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards: a machine that gets slower or faster is no advantage of anybody.
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      // What the one before has left to export is no cost of this one.
      await new Promise((done) => setTimeout(done, 1500))
      const before = processorMillis(variant.pid)
      const { perSecond } = await load(variant, seconds)
      variant.perSecond.push(perSecond)
      variant.micros.push((processorMillis(variant.pid) - before) * 1000 / (perSecond * seconds))
    }
  }
  const received: unknown = await (await fetch(`http://127.0.0.1:${sink.line}/`)).json()
  process.stderr.write(`the collector has got ${JSON.stringify(received)}\n`)
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`
  process.stdout.write(
    "| what | requests/s | beside | cost, median of pairs (quartiles) | processor time | goal | reached |\n| --- | --- | --- | --- | --- | --- | --- |\n"
  )
  for (const { beside, goal, least, value, what } of rows) {
    const ratios = value.perSecond.map((perSecond, i) => perSecond / beside.perSecond[i]!).toSorted((a, b) => a - b)
    const times = value.micros.map((micros, i) => micros / beside.micros[i]!)
    const reached = median(ratios) >= least
    if (!reached) process.exitCode = 1
    process.stdout.write(
      `| ${what} | ${median(value.perSecond).toFixed(0)} | ${median(beside.perSecond).toFixed(0)} | ${
        percent(1 - median(ratios))
      } (${percent(1 - ratios[7]!)} to ${percent(1 - ratios[2]!)}) | ${percent(median(times) - 1)} | ${goal} | ${
        reached ? "yes" : "**no**"
      } |\n`
    )
  }
  process.stdout.write(
    `\n${rounds} rounds of ${seconds} s, ${cpus().length} cores shared with the load generator, Node ${process.version}.\n`
  )
} finally {
  for (const { stop } of variants) await stop()
  sink.stop()
  rmSync(folder, { recursive: true })
}
