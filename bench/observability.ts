/**
 * What it costs to watch: `simple` over HTTP at 32 connections, on pairs of servers that differ in nothing else.
 *
 * Usage: npm run build && node bench/observability.ts [<whole seconds of each load> [<a checkout of another commit, built>]]
 *
 * Two servers run at a time, and each round loads them in the order A B B A, or B A A B: a machine that gets slower or faster is no
 * advantage of either. The first pair has two servers that do not differ at all: what it says is the noise of the others.
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

const seconds = Math.max(1, Math.round(Number(process.argv[2] ?? 1)))
const other = process.argv[3]
const rounds = 10
/** By then the compiler has made of the path of a request what it will make of it. */
const warmUpSeconds = 5
/** What the load before has left to do is no cost of the next one. */
const settleMillis = 300

interface Variant {
  readonly url: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
const repository = models.smallRepository(join(folder, "small"))
const here = fileURLToPath(new URL("..", import.meta.url))

const serve = (
  variables: Readonly<Record<string, string>> = {},
  flags: ReadonlyArray<string> = [],
  checkout = here
): Promise<Variant> => start(repository, flags, { variables, checkout })

/** What the launcher would have set. */
const launched = ["--max-semi-space-size=8", "--heap-growing-percent=50", "--no-allocation-site-pretenuring"]

/** A server inside of a program, which counts or counts nothing. */
const serveInside = async (books: "counted" | "uncounted"): Promise<Variant> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const script = fileURLToPath(new URL("./yardsticks/books.ts", import.meta.url))
  const child = spawn(
    process.execPath,
    [...launched, script, join(here, "dist/layers/Server.js"), repository, String(port), books],
    {
      stdio: ["ignore", "ignore", "inherit"]
    }
  )
  const gone = new Promise<void>((done) => child.once("exit", () => done()))
  while (!(await fetch(`${url}/v2/health/ready`).then(({ status }) => status === 200, () => false))) {
    if (child.exitCode !== null) throw new Error(`the server (${books}) ended with ${child.exitCode}`)
    await new Promise((done) => setTimeout(done, 50))
  }
  return {
    url,
    pid: child.pid!,
    stop: () => {
      child.kill("SIGKILL")
      return gone
    }
  }
}

const request = requests.simple()
const load = ({ url }: Variant, time: number) =>
  drive({ ...request, url: `${url}/v2/models/simple/infer`, connections: 32, seconds: time })

/** What two loads of one round came to. */
interface Measured {
  perSecond: number
  /** Microseconds of the process' processors for each request. */
  micros: number
}

const measure = async (variant: Variant): Promise<Measured> => {
  await new Promise((done) => setTimeout(done, settleMillis))
  const before = processorMillis(variant.pid)
  const { perSecond } = await load(variant, seconds)
  return { perSecond, micros: (processorMillis(variant.pid) - before) * 1000 / (perSecond * seconds) }
}

const mean = (first: Measured, second: Measured): Measured => ({
  perSecond: (first.perSecond + second.perSecond) / 2,
  micros: (first.micros + second.micros) / 2
})

const round = async (outer: Variant, inner: Variant): Promise<readonly [outer: Measured, inner: Measured]> => {
  const first = await measure(outer)
  const within = mean(await measure(inner), await measure(inner))
  return [mean(first, await measure(outer)), within]
}

interface Pair {
  readonly what: string
  readonly value: () => Promise<Variant>
  readonly beside: () => Promise<Variant>
  /** Requests per second beside those of the other, at least. Absent: it is for information. */
  readonly least?: number
  readonly goal: string
}

/** A share as a cost in percent, with the quartiles of the rounds. */
const cost = (shares: ReadonlyArray<number>): string => {
  const sorted = shares.toSorted((a, b) => a - b)
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  return `${percent(median(sorted))} (${percent(sorted[2]!)} to ${percent(sorted[7]!)})`
}

const compare = async ({ beside, goal, least, value, what }: Pair): Promise<void> => {
  const started: Array<Variant> = []
  try {
    const first = await beside()
    started.push(first)
    const second = await value()
    started.push(second)
    for (const variant of started) await load(variant, warmUpSeconds)
    const values: Array<Measured> = []
    const others: Array<Measured> = []
    for (let i = 0; i < rounds; i++) {
      const [outer, inner] = i % 2 === 0 ? await round(first, second) : await round(second, first)
      values.push(i % 2 === 0 ? inner : outer)
      others.push(i % 2 === 0 ? outer : inner)
    }
    const falls = values.map(({ perSecond }, i) => 1 - perSecond / others[i]!.perSecond)
    const rises = values.map(({ micros }, i) => micros / others[i]!.micros - 1)
    const reached = least === undefined || 1 - median(falls) >= least
    if (!reached) process.exitCode = 1
    const of = (measured: ReadonlyArray<Measured>, what: keyof Measured) => median(measured.map((one) => one[what]))
    process.stdout.write(
      `| ${what} | ${of(values, "perSecond").toFixed(0)} | ${of(others, "perSecond").toFixed(0)} | ${cost(falls)} | ${
        of(values, "micros").toFixed(1)
      } | ${of(others, "micros").toFixed(1)} | ${cost(rises)} | ${goal} | ${
        least === undefined ? "–" : reached ? "yes" : "**no**"
      } |\n`
    )
  } finally {
    for (const { stop } of started) await stop()
  }
}

const sink = await yardstick("otlpSink.ts", [])
try {
  const endpoint = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.line}`,
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none"
  }
  const hundredth = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" }
  const pairs: ReadonlyArray<Pair> = [
    { what: "tracing off, beside tracing off", value: () => serve(), beside: () => serve(), goal: "none: the noise" },
    ...(other === undefined ? [] : [{
      what: "tracing off, beside a build without it",
      value: () => serve(),
      beside: () => serve({}, [], resolve(other)),
      least: 0.97,
      goal: "not to be told apart"
    }]),
    {
      what: "metrics and histograms, beside nothing counted",
      value: () => serveInside("counted"),
      beside: () => serveInside("uncounted"),
      least: 0.97,
      goal: "< 3 %"
    },
    {
      what: "1 % of requests traced, beside tracing off",
      value: () => serve({ ...endpoint, ...hundredth }),
      beside: () => serve(),
      least: 0.97,
      goal: "< 3 %"
    },
    {
      what: "every request traced, beside tracing off",
      value: () => serve(endpoint),
      beside: () => serve(),
      least: 0.65,
      goal: "< 35 %"
    }
  ]
  process.stdout.write(
    "| what | requests/s | beside | fewer, median of rounds (quartiles) | µs of processors a request | beside | more, median (quartiles) | goal for requests/s | reached |\n"
      + "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
  )
  for (const pair of pairs) await compare(pair)
  const received: unknown = await (await fetch(`http://127.0.0.1:${sink.line}/`)).json()
  process.stderr.write(`the collector has got ${JSON.stringify(received)}\n`)
  process.stdout.write(
    `\n${rounds} rounds of four loads of ${seconds} s, ${cpus().length} cores shared with the load generator, Node ${process.version}.\n`
  )
} finally {
  sink.stop()
  rmSync(folder, { recursive: true })
}
