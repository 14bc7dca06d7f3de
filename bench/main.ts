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
import { heavy } from "./figures/heavy.ts"
import { images } from "./figures/images.ts"
import { inProcess, rpc } from "./figures/rpc.ts"
import { sequences, sequencesInside } from "./figures/sequences.ts"
import { memory, serving, starting } from "./figures/serving.ts"
import { median, Memory } from "./lifecycle/report.ts"
import { generator } from "./load.ts"
import * as models from "./models.ts"
import * as sequenceModels from "./sequenceModels.ts"
import { start, type Started } from "./server.ts"

const seconds = Number(process.argv[2] ?? 6)
const wanted = process.argv[3] ?? ""
const repetitions = 3

const digits = (value: number): string =>
  value >= 1000 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const rows: Array<string> = []
let missed = 0

const both = (runs: ReadonlyArray<Measured>, which: "p50" | "micros"): string => {
  const pairs = runs.flatMap((run) => run[which] ?? [])
  if (pairs.length === 0) return "–"
  const of = (side: 0 | 1) => digits(median(runs.flatMap((run) => run[which]?.[side] ?? [])))
  return `${of(0)}, ${of(1)}`
}

const report = (figure: Figure, runs: ReadonlyArray<Measured>): void => {
  const sum = (values: ReadonlyArray<number>) => figure.of === "highest" ? Math.max(...values) : median(values)
  const ratios = runs.map((run) => run.ratio)
  const middle = sum(ratios)
  const reached = figure.reached(middle)
  if (!reached) missed++
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`
  const row = [
    figure.name,
    `${digits(sum(runs.map((run) => run.value)))} ${figure.unit}`,
    digits(sum(runs.map((run) => run.beside))),
    both(runs, "p50"),
    both(runs, "micros"),
    `${middle.toFixed(2)} (${spread})`,
    figure.goal,
    figure.goal === "–" ? "–" : reached ? "yes" : "**no**",
    figure.triton?.toFixed(2) ?? "–"
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

/** Figures of a server on a repository, and what it needed for them. */
const on = async (
  repository: string,
  loads: string,
  figures: (context: Context) => ReadonlyArray<Figure>,
  limit?: number
): Promise<void> => {
  const all = figures({
    seconds,
    url: () => server!.url,
    grpcPort: () => server!.grpcPort,
    pid: () => server!.pid
  })
  if (!all.some((figure) => figure.name.includes(wanted))) return
  server = await start(repository)
  const watched = new Memory(server.rss)
  await measureAll(all)
  watched.stop()
  const figure = memory(loads, () => watched.highest(), limit)
  report(figure, [await figure.measure()])
  await stop()
}

try {
  const small = models.smallRepository(join(folder, "small"))
  const batched = models.batchingRepository(join(folder, "batching"))
  await measureAll([...starting(small), ...alone])
  await on(small, "of the HTTP figures", serving, 300)
  await on(small, "of the gRPC figures", grpcServing, 300)
  await on(small, "of the rpc figures", rpc, 300)
  await measureAll(inProcess(small, seconds))
  await on(batched, "of the batching figures", batching, 300)
  await measureAll([metrics(batched, seconds)])
  await on(sequenceModels.repository(join(folder, "sequences")), "of the sequences figures", sequences)
  await measureAll(sequencesInside(seconds))
  await on(ensembleModels.repository(join(folder, "ensembles")), "of the ensembles figures", ensembles)
  for (const image of images(folder)) {
    let end = () => {}
    await on(image.repository, `of ${image.heavy.name}`, (context) => {
      const { figure, stop } = heavy(context, image.heavy)
      end = stop
      return [figure]
    })
    end()
  }
} finally {
  await stop()
  rmSync(folder, { recursive: true })
}

const cores = cpus()
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
process.stdout.write([
  "| figure | server | yardstick | p50 of both, µs | processor time a request of both, µs | ratio (spread) | goal | reached | Triton at best |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ...rows,
  "",
  `Conditions: ${cores.length} cores (${
    cores[0]?.model ?? "unknown"
  }) shared with the load generator ${generator} (one thread), ` +
  `Node ${process.version}, ${repetitions} repetitions of ${seconds} s, each beside its yardstick, commit ${commit}.`,
  ""
].join("\n"))
process.exitCode = missed === 0 ? 0 : 1
