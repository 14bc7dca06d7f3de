/**
 * Every figure of the README, three times, each beside its yardstick in the same minute; prints a Markdown table of ratios
 * and ends with 1 when a goal is missed.
 *
 * Usage: npm run bench [-- <seconds of each load> [<part of a figure's name>]]
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import * as ensembleModels from "./ensembleModels.ts"
import { alone, batching, metrics } from "./figures/batching.ts"
import { ensembles } from "./figures/ensembles.ts"
import type { Context, Figure, Measured } from "./figures/Figure.ts"
import { grpcServing } from "./figures/grpc.ts"
import { heavy, heavyBatched } from "./figures/heavy.ts"
import { inProcess, rpc } from "./figures/rpc.ts"
import { sequences, sequencesInside } from "./figures/sequences.ts"
import { serving, starting } from "./figures/serving.ts"
import { generator } from "./load.ts"
import * as models from "./models.ts"
import * as sequenceModels from "./sequenceModels.ts"
import { start, type Started } from "./server.ts"

const seconds = Number(process.argv[2] ?? 6)
const wanted = process.argv[3] ?? ""
const repetitions = 3

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const digits = (value: number): string =>
  value >= 1000 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const rows: Array<string> = []
let missed = 0

const report = (figure: Figure, runs: ReadonlyArray<Measured>): void => {
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
const measureAll = async (all: ReadonlyArray<Figure>): Promise<void> => {
  const figures = all.filter((figure) => figure.name.includes(wanted))
  const runs = figures.map((): Array<Measured> => [])
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [i, figure] of figures.entries()) runs[i]!.push(await figure.measure())
  }
  for (const [i, figure] of figures.entries()) report(figure, runs[i]!)
}

const folder = mkdtempSync(join(tmpdir(), "galatea-bench-"))
let server: Started | undefined

const stop = async (): Promise<void> => {
  await server?.stop()
  server = undefined
}

/** Figures of a server on a repository. */
const on = async (repository: string, figures: (context: Context) => ReadonlyArray<Figure>): Promise<void> => {
  const all = figures({ seconds, url: () => server!.url, grpcPort: () => server!.grpcPort })
  if (!all.some((figure) => figure.name.includes(wanted))) return
  server = await start(repository)
  await measureAll(all)
  await stop()
}

try {
  const small = models.smallRepository(join(folder, "small"))
  const large = models.heavyRepository(join(folder, "heavy"))
  const batched = models.batchingRepository(join(folder, "batching"))
  await measureAll([...starting(small), ...alone])
  await on(small, (context) => serving(context, () => server!))
  await on(small, grpcServing)
  await on(small, rpc)
  await measureAll(inProcess(small, seconds))
  await on(batched, batching)
  await measureAll([metrics(batched, seconds)])
  await on(sequenceModels.repository(join(folder, "sequences")), (context) => sequences(context, () => server!))
  await measureAll(sequencesInside(seconds))
  await on(ensembleModels.repository(join(folder, "ensembles")), (context) => ensembles(context, () => server!))
  await on(large.repository, (context) => [
    ...heavy(context, large.modelPath),
    ...heavyBatched(context, large.modelPath)
  ])
} finally {
  await stop()
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
