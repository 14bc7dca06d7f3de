/**
 * Every figure of the README, three times, each beside its yardstick in the same minute; prints a Markdown table of ratios
 * and ends with 1 when a goal is missed.
 *
 * Usage: npm run bench [-- <seconds of each load>]
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { drive, generator, type Outcome } from "./load.ts"
import * as models from "./models.ts"
import * as requests from "./requests.ts"
import { start, type Started, yardstick } from "./server.ts"

const seconds = Number(process.argv[2] ?? 6)
const repetitions = 3

interface Figure {
  readonly name: string
  readonly unit: string
  readonly goal: string
  readonly reached: (ratio: number) => boolean
  /** One repetition: the server's value, the yardstick's, and what is compared with the goal. */
  readonly measure: () => Promise<{ readonly value: number; readonly beside: number; readonly ratio: number }>
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const digits = (value: number): string =>
  value >= 1000 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The server and the echo of the same sizes, one after the other. */
const besideEcho = async (
  server: Started,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): Promise<{ readonly server: Outcome; readonly echo: Outcome }> => {
  const url = `${server.url}/v2/models/${model}/infer`
  const sample = await fetch(url, { method: "POST", body: Buffer.from(request.body), headers: request.headers })
  const bytes = (await sample.arrayBuffer()).byteLength
  if (sample.status !== 200) throw new Error(`${model} answered ${sample.status}`)
  const echo = await yardstick("echo.ts", [String(bytes)])
  try {
    const load = { body: request.body, headers: request.headers, connections, seconds }
    await drive({ ...load, url, seconds: 1 })
    await drive({ ...load, url: `http://127.0.0.1:${echo.line}/`, seconds: 1 })
    return {
      echo: await drive({ ...load, url: `http://127.0.0.1:${echo.line}/` }),
      server: await drive({ ...load, url })
    }
  } finally {
    echo.stop()
  }
}

const ortAlone = async (path: string, sessions: number, intraOp: number): Promise<number> => {
  const { line } = await yardstick("ort.ts", [
    path,
    String(sessions),
    String(intraOp),
    String(seconds),
    models.resnetInput,
    models.resnetShape.join("x")
  ])
  return Number(line)
}

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
const small = models.smallRepository(join(folder, "small"))
const heavy = models.heavyRepository(join(folder, "heavy"))
let server: Started | undefined

const throughput = (model: string, request: requests.BinaryRequest, connections: number) => async () => {
  const outcome = await besideEcho(server!, model, request, connections)
  return {
    value: outcome.server.perSecond,
    beside: outcome.echo.perSecond,
    ratio: outcome.server.perSecond / outcome.echo.perSecond
  }
}

const smallFigures: ReadonlyArray<Figure> = [
  {
    name: "`simple`, binary, 32 connections",
    unit: "requests/s",
    goal: "≥ 0.38 of the echo",
    reached: (ratio) => ratio >= 0.38,
    measure: throughput("simple", requests.simple(), 32)
  },
  {
    name: "`simple`, binary, 1 connection, p50",
    unit: "µs",
    goal: "≤ 1 × (2.5 × echo + worker hop)",
    reached: (ratio) => ratio <= 1,
    measure: async () => {
      const outcome = await besideEcho(server!, "simple", requests.simple(), 1)
      const hop = await yardstick("hop.ts", [])
      const allowed = 2.5 * outcome.echo.p50 + Number(hop.line)
      return { value: outcome.server.p50, beside: allowed, ratio: outcome.server.p50 / allowed }
    }
  },
  {
    name: "FP32 identity, 602 kB each way, 8 connections",
    unit: "requests/s",
    goal: "≥ 0.5 of the echo",
    reached: (ratio) => ratio >= 0.5,
    measure: throughput("identity_fp32", requests.float32("INPUT0", models.identityShape), 8)
  },
  {
    name: "resident memory after these loads",
    unit: "MB",
    goal: "–",
    reached: () => true,
    measure: async () => ({ value: server!.rss(), beside: 250, ratio: server!.rss() / 250 })
  }
]

/** `clients` beside two sessions of ONNX Runtime alone, which is its best setting on two cores. */
const heavyFigure = (clients: number): Figure => ({
  name: `ResNet-50 shape, ${clients} clients`,
  unit: "inferences/s",
  goal: "≥ 0.95 of ONNX Runtime alone",
  reached: (ratio) => ratio >= 0.95,
  measure: async () => {
    const alone = await ortAlone(heavy.modelPath, 2, 1)
    const request = requests.float32(models.resnetInput, models.resnetShape)
    const url = `${server!.url}/v2/models/resnet50/infer`
    await drive({ url, ...request, connections: clients, seconds: 1 })
    const { perSecond } = await drive({ url, ...request, connections: clients, seconds })
    return { value: perSecond, beside: alone, ratio: perSecond / alone }
  }
})

const memoryFigure: Figure = {
  name: "resident memory three seconds after the start, six small models",
  unit: "MB",
  goal: "< 250 MB",
  reached: (ratio) => ratio < 1,
  measure: async () => {
    const started = await start(small)
    // Threads give back what starting up has used in their first idle second.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const value = started.rss()
    await started.stop()
    return { value, beside: 250, ratio: value / 250 }
  }
}

const startFigure: Figure = {
  name: "process start to ready, six small models",
  unit: "ms",
  goal: "< 1,500 ms",
  reached: (ratio) => ratio < 1,
  measure: async () => {
    const started = await start(small)
    await started.stop()
    return { value: started.startMillis, beside: 1500, ratio: started.startMillis / 1500 }
  }
}

const rows: Array<string> = []
let missed = 0

const report = (figure: Figure, runs: ReadonlyArray<{ value: number; beside: number; ratio: number }>): void => {
  const ratios = runs.map((run) => run.ratio)
  const middle = median(ratios)
  const reached = figure.reached(middle)
  if (!reached) missed++
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`
  const row = [
    figure.name,
    `${digits(median(runs.map((run) => run.value)))} ${figure.unit}`,
    digits(median(runs.map((run) => run.beside))),
    `${middle.toFixed(2)} (${spread})`,
    figure.goal,
    figure.goal === "–" ? "–" : reached ? "yes" : "**no**"
  ]
  rows.push(`| ${row.join(" | ")} |`)
  process.stderr.write(`${rows.at(-1)}\n`)
}

/** Figures that share a server take turns, so that a slow minute of the machine meets all of them. */
const measureAll = async (figures: ReadonlyArray<Figure>): Promise<void> => {
  const runs = figures.map((): Array<Awaited<ReturnType<Figure["measure"]>>> => [])
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [i, figure] of figures.entries()) runs[i]!.push(await figure.measure())
  }
  for (const [i, figure] of figures.entries()) report(figure, runs[i]!)
}

try {
  await measureAll([startFigure, memoryFigure])
  server = await start(small)
  await measureAll(smallFigures)
  await server.stop()
  server = await start(heavy.repository)
  await measureAll([heavyFigure(2), heavyFigure(4)])
} finally {
  await server?.stop()
  rmSync(folder, { recursive: true })
}

const cores = cpus()
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
process.stdout.write([
  "| figure | server, median | yardstick, median | ratio, median (spread) | goal | reached |",
  "| --- | --- | --- | --- | --- | --- |",
  ...rows,
  "",
  `Conditions: ${cores.length} cores (${
    cores[0]?.model ?? "unknown"
  }) shared with the load generator ${generator} (one thread), ` +
  `Node ${process.version}, ${repetitions} repetitions of ${seconds} s, each beside its yardstick, commit ${commit}.`,
  ""
].join("\n"))
process.exitCode = missed === 0 ? 0 : 1
