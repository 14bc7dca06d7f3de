/**
 * Fuzzes every reader by coverage: inputs that reach something new are kept and changed further.
 *
 * Usage: node test/fuzz/main.ts [<minutes in all> [<seed> [<target>…]]]
 *
 * What is read wrong, or takes longer than a second, is written to test/fuzz/findings/TARGET, where the tests read it again from then on;
 * the exit code is 1 then. One target after the other, on one core.
 */
import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Coverage } from "./Coverage.ts"
import { Mutation } from "./Mutation.ts"
import type { Target } from "./Target.ts"
import { targets } from "./targets.ts"

const minutes = Number(process.argv[2] ?? 30)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
const names = process.argv.slice(4)
const chosen = targets.filter(({ name }) => names.length === 0 || names.includes(name))
if (!(minutes > 0) || !Number.isInteger(seed) || chosen.length === 0) {
  throw new Error(`expected minutes, a seed, and names among ${targets.map(({ name }) => name).join(", ")}`)
}

const maxBytes = 4096
const maxMillis = 1000
/** To look at what has run takes as long as hundreds of inputs: it is looked at for many of them at once. */
const batch = { least: 32, most: 4096 } as const
/** Findings of one target after which there is no need for more. */
const maxFindings = 5

const keep = (name: string, input: Uint8Array, why: string): void => {
  const folder = fileURLToPath(new URL(`findings/${name}/`, import.meta.url))
  mkdirSync(folder, { recursive: true })
  const file = `${folder}${createHash("sha256").update(input).digest("hex").slice(0, 16)}`
  writeFileSync(file, input)
  process.stderr.write(`${file}: ${why}\n`)
}

const fuzz = ({ name, run, seeds }: Target, seconds: number) => {
  const coverage = new Coverage()
  const mutation = new Mutation(seed)
  const corpus = [...seeds()]
  const found = new Set<string>()
  const attempt = (input: Uint8Array): void => {
    const began = process.cpuUsage()
    const startedAt = performance.now()
    let why: string | undefined
    try {
      run(input)
    } catch (thrown) {
      why = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)
    }
    // The clock alone would blame an input for what else the machine had to do.
    if (why === undefined && performance.now() - startedAt > maxMillis) {
      const millis = process.cpuUsage(began).user / 1000
      if (millis > maxMillis) why = `it took ${Math.round(millis)} ms of a processor`
    }
    // One finding for each place: the first line of a trace that is ours.
    const place = why?.split("\n").slice(0, 2).join(" ").replaceAll(/\d+/g, "")
    if (why === undefined || found.has(place!)) return
    found.add(place!)
    keep(name, input, why)
  }
  for (const input of corpus) attempt(input)
  coverage.see(coverage.fresh())
  const until = performance.now() + seconds * 1000
  let runs = corpus.length
  /** Keeps those that reach something new, which halving finds. */
  const explore = (inputs: ReadonlyArray<Uint8Array>): boolean => {
    for (const input of inputs) attempt(input)
    runs += inputs.length
    const fresh = coverage.fresh()
    if (fresh.size === 0) return false
    if (inputs.length === 1) corpus.push(inputs[0]!)
    else {
      const half = inputs.length >> 1
      explore(inputs.slice(0, half))
      explore(inputs.slice(half))
    }
    // What no half reaches again ran because it was the first time: it is nothing to look for.
    coverage.see(fresh)
    return true
  }
  let size: number = batch.least
  while (performance.now() < until && found.size < maxFindings) {
    const isNew = explore(
      Array.from({ length: size }, () => mutation.changed(mutation.pick(corpus), mutation.pick(corpus), maxBytes))
    )
    size = isNew ? batch.least : Math.min(batch.most, size * 2)
  }
  const places = coverage.size
  coverage.close()
  return { runs, places, corpus: corpus.length, found: found.size }
}

process.stdout.write(
  `seed ${seed}, ${minutes} minutes\n\n| reader | seconds | inputs | kept | places | found |\n| --- | --- | --- | --- | --- | --- |\n`
)
for (const target of chosen) {
  const seconds = Math.max(1, Math.round(minutes * 60 / chosen.length))
  const { corpus, found, places, runs } = fuzz(target, seconds)
  process.stdout.write(`| ${target.name} | ${seconds} | ${runs} | ${corpus} | ${places} | ${found} |\n`)
  if (found > 0) process.exitCode = 1
}
