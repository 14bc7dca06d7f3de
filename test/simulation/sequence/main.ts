/**
 * `node test/simulation/sequence/main.ts 100000`: so many schedules of sequences, divided among the profiles. `--seed` repeats a run,
 * `--profile` keeps to one profile, `--path` repeats one failure.
 */
import { parseArgs } from "node:util"
import { check, profiles } from "./SequenceCheck.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, profile: { type: "string" }, path: { type: "string" } }
})
const names = values.profile === undefined ? Object.keys(profiles) : [values.profile]
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const runs = Math.ceil(Number(positionals[0] ?? 10_000) / names.length)
const begin = performance.now()
let held = 0
for (const profile of names) {
  const outcome = check({ profile, seed, runs: values.path === undefined ? runs : 1, path: values.path })
  process.stdout.write(`seed ${seed}, ${profile}: ${outcome.failure ?? `${outcome.runs} schedules held`}\n`)
  if (outcome.failure === undefined) held += outcome.runs
  else process.exitCode = 1
}
process.stdout.write(`${held} schedules held, ${((performance.now() - begin) / 1000).toFixed(1)} s\n`)
