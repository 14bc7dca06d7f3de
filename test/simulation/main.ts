/**
 * Simulates as many schedules as asked for, on all cores: `npm run simulate -- 1000000`.
 *
 * `--seed` repeats a run, `--profile` keeps to one profile, `--jobs` says how many processes, `--path` repeats one failure.
 */
import { fork } from "node:child_process"
import { randomInt } from "node:crypto"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { check, profiles } from "./Check.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    profile: { type: "string" },
    path: { type: "string" },
    jobs: { type: "string" },
    /** Of a child: its number. */
    part: { type: "string" }
  }
})

/** Schedules of one seed. */
const portion = 5000

const total = Number(positionals[0] ?? 100_000)
const seed = Number(values.seed ?? randomInt(2 ** 31))
const jobs = Number(values.jobs ?? availableParallelism())
const names = values.profile === undefined ? Object.keys(profiles) : [values.profile]
const portions = Array.from({ length: Math.ceil(total / portion) }, (_, i) => ({
  profile: names[i % names.length]!,
  seed: seed + i,
  runs: Math.min(portion, total - i * portion)
}))

const say = (text: string) => void process.stdout.write(`${text}\n`)

interface Report {
  readonly runs: number
  readonly failure: string | undefined
}

/** What one process does, a portion at a time. */
const work = (part: number, report: (report: Report) => void) => {
  for (let i = part; i < portions.length; i += jobs) report(check(portions[i]!))
}

const lead = async () => {
  const start = performance.now()
  let done = 0
  let failed = 0
  let saidAt = start
  const take = ({ failure, runs }: Report) => {
    done += runs
    if (failure !== undefined) {
      failed++
      say(failure)
    }
    const now = performance.now()
    if (now - saidAt < 10_000) return
    saidAt = now
    say(`${done} of ${total}, ${failed} failures, ${Math.round(done / (now - start) * 1000)} schedules/s`)
  }
  say(`seed ${seed}, ${total} schedules of ${names.join(", ")} in ${jobs} processes`)
  const codes = await Promise.all(
    Array.from({ length: jobs }, (_, part) =>
      new Promise<number>((resolve) => {
        const child = fork(import.meta.filename, [
          String(total),
          "--seed",
          String(seed),
          "--jobs",
          String(jobs),
          "--part",
          String(part),
          ...(values.profile === undefined ? [] : ["--profile", values.profile])
        ])
        child.on("message", (report) => take(report as Report))
        child.on("exit", (code) => resolve(code ?? 1))
      }))
  )
  const seconds = (performance.now() - start) / 1000
  say(`${done} schedules, ${failed} failures, ${seconds.toFixed(1)} s, ${Math.round(done / seconds)} schedules/s`)
  process.exitCode = failed > 0 || done < total || codes.some((code) => code !== 0) ? 1 : 0
}

if (values.path !== undefined) {
  const { failure } = check({ profile: names[0]!, seed, runs: 1, path: values.path })
  say(failure ?? "held")
  process.exitCode = failure === undefined ? 0 : 1
} else if (values.part !== undefined) {
  work(Number(values.part), (report) => process.send!(report))
  process.disconnect()
} else await lead()
