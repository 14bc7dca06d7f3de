/** `node test/simulation/ensemble/main.ts 10000`: so many schedules of ensembles. */
import { parseArgs } from "node:util"
import { check } from "./DagCheck.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, path: { type: "string" } }
})
const runs = Number(positionals[0] ?? 10_000)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const begin = performance.now()
const outcome = check({ runs: values.path === undefined ? runs : 1, seed, path: values.path })
const seconds = (performance.now() - begin) / 1000
process.stdout.write(`seed ${seed}: ${outcome.failure ?? `${outcome.runs} schedules held`}, ${seconds.toFixed(1)} s\n`)
process.exitCode = outcome.failure === undefined ? 0 : 1
