/**
 * Three times more requests than a model can run, by the clock, and what the server makes of it. Prints a table; ends with 1 when a goal
 * is missed.
 *
 * `npm run build && node bench/overload.ts [seconds=60] [part]`: `part` is `http`, `queue` or `grpc`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Grpc from "./grpc.ts"
import * as Models from "./models.ts"
import type { Target } from "./overload/doors.ts"
import * as Drive from "./overload/drive.ts"
import type { Sent } from "./overload/generator.ts"
import * as Busy from "./overload/model.ts"
import * as Requests from "./requests.ts"
import * as Server from "./server.ts"

const seconds = Number(process.argv[2] ?? 60)
const only = process.argv[3]

const overload = 3
const deadline = 250
const layers = 4
/** Requests that may wait where nobody gives a deadline. */
const waiting = 16
const connections = 1024
/** Share of the capacity that is no burden. */
const light = 0.2

interface Part {
  readonly name: string
  readonly door: Target["door"]
  readonly flags: ReadonlyArray<string>
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds within which whoever was taken is to be answered, where a run takes so long. */
  readonly bound: (run: number) => number
}

const parts: Readonly<Record<string, Part>> = {
  http: {
    name: `HTTP, \`X-Request-Timeout: ${deadline}\``,
    door: "http",
    flags: [],
    headers: { "x-request-timeout": String(deadline) },
    bound: () => deadline
  },
  queue: {
    name: `HTTP, no deadline, \`--max-queue-size=${waiting}\``,
    door: "http",
    flags: [`--max-queue-size=${waiting}`],
    headers: {},
    // The line, the run before it, its own, and half as much again.
    bound: (run) => 1.5 * (waiting + 2) * run
  },
  grpc: {
    name: `gRPC, \`grpc-timeout: ${deadline}m\``,
    door: "grpc",
    flags: [],
    headers: { "grpc-timeout": `${deadline}m` },
    bound: () => deadline
  }
}

const say = (line: string) => console.log(line)
let missed = 0

const row = (part: Part, figure: string, value: string, goal: string, reached: boolean) => {
  if (!reached) missed++
  say(`| ${part.name} | ${figure} | ${value} | ${goal} | ${reached ? "yes" : "**no**"} |`)
}

const note = (part: Part, figure: string, value: string) => say(`| ${part.name} | ${figure} | ${value} | – | – |`)

const ms = (value: number) => `${value.toFixed(1)} ms`

/** Milliseconds after which every answer is there again as fast as it used to be; answers that the system delayed are few and single. */
const recovery = (after: ReadonlyArray<Sent>, usual: number): number => {
  const ordered = after.toSorted((a, b) => a.due - b.due)
  const slow = ordered.map(({ due, ended, outcome }) => outcome !== "answered" || ended - due > usual)
  const run = 10
  const from = slow.findIndex((_, i) => i + run <= slow.length && slow.slice(i, i + run).filter(Boolean).length <= 1)
  return from === -1 ? Infinity : ordered[from]!.due
}

const measure = async (part: Part): Promise<void> => {
  const repository = mkdtempSync(join(tmpdir(), "galatea-overload-"))
  Models.write(repository, "busy", Busy.bytes(layers), Busy.config)
  const server = await Server.start(repository, part.flags)
  try {
    const inputs = Requests.float32Inputs("X", Busy.shape)
    const request = Requests.binaryRequest(inputs)
    const without: Target = part.door === "http"
      ? {
        door: "http",
        port: server.port,
        path: "/v2/models/busy/infer",
        headers: request.headers,
        body: request.body,
        connections
      }
      : {
        door: "grpc",
        port: server.grpcPort,
        path: "/inference.GRPCInferenceService/ModelInfer",
        headers: {},
        body: Grpc.inferBody("busy", inputs),
        connections: 8
      }
    const target: Target = { ...without, headers: { ...without.headers, ...part.headers } }

    await Drive.drive({ target: without, seconds: 2, load: { atOnce: 8 } })
    const peakSeconds = Math.min(10, Math.max(3, seconds / 6))
    const peakRun = await Drive.drive({ target: without, seconds: peakSeconds, load: { atOnce: 8 } })
    const peak = Drive.thatWere(peakRun, "answered").filter(({ ended }) => ended <= peakSeconds * 1000).length /
      peakSeconds
    const bound = part.bound(1000 / peak)
    const calm = await Drive.drive({ target, seconds: 5, load: { perSecond: light * peak } })
    const usual = 3 * Drive.quantile(Drive.waited(calm), 0.5) + 10

    const memory: Array<number> = []
    const watch = setInterval(() => memory.push(server.rss()), 250)
    const all = await Drive.drive({ target, seconds, load: { perSecond: overload * peak } })
    clearInterval(watch)
    const after = await Drive.drive({ target, seconds: 4, load: { perSecond: light * peak } })

    const answered = Drive.thatWere(all, "answered")
    const inTime = answered.filter(({ due, ended }) => ended - due <= bound)
    const refused = Drive.thatWere(all, "refused")
    const goodput = inTime.length / seconds
    const answers = Drive.waited(answered)
    const refusals = Drive.took(refused)
    const third = Math.floor(memory.length / 3)
    const early = Math.max(...memory.slice(0, 2 * third))
    const late = Math.max(...memory.slice(2 * third))
    const recovered = recovery(after, usual)

    note(part, "peak, closed loop", `${peak.toFixed(1)}/s`)
    note(part, "sent, open loop", `${(all.length / seconds).toFixed(1)}/s`)
    note(part, "sent later than it was to be, p99", ms(Drive.quantile(all.map(({ due, sent }) => sent - due), 0.99)))
    row(
      part,
      "answered in time, of the peak",
      `${goodput.toFixed(1)}/s, ${(100 * goodput / peak).toFixed(1)} %`,
      "≥ 90 %",
      goodput >= 0.9 * peak
    )
    row(
      part,
      "p50; p99 of those answered",
      `${ms(Drive.quantile(answers, 0.5))}; ${ms(Drive.quantile(answers, 0.99))}`,
      `p99 ≤ ${ms(bound)}`,
      Drive.quantile(answers, 0.99) <= bound
    )
    const sinceSent = Drive.took(answered)
    note(
      part,
      "the same, from when they were sent indeed",
      `${ms(Drive.quantile(sinceSent, 0.5))}; ${ms(Drive.quantile(sinceSent, 0.99))}`
    )
    row(
      part,
      `${refused.length} refused: p50; p99; slowest`,
      `${ms(Drive.quantile(refusals, 0.5))}; ${ms(Drive.quantile(refusals, 0.99))}; ${ms(Drive.quantile(refusals, 1))}`,
      "p99 < 10 ms",
      Drive.quantile(refusals, 0.99) < 10
    )
    const ended = Drive.thatWere(all, "late").length
    row(
      part,
      "let go after they had waited",
      `${ended}, ${(100 * ended / all.length).toFixed(2)} %`,
      "≤ 2 %",
      ended <= 0.02 * all.length
    )
    const broken = Drive.thatWere(all, "broken").length + Drive.thatWere(after, "broken").length
    row(part, "connections or answers broken", String(broken), "0", broken === 0)
    row(
      part,
      "resident memory: most in the first two thirds; in the last",
      `${early.toFixed(0)} MB; ${late.toFixed(0)} MB`,
      "≤ 5 % more",
      late <= 1.05 * early
    )
    row(
      part,
      `as fast as before the load again (${ms(usual)})`,
      recovered === Infinity ? "not in 4 s" : `after ${ms(recovered)}`,
      "≤ 2 s",
      recovered <= 2000
    )
    const lines = server.log().split("\n").length
    row(part, "lines logged", String(lines), "≤ 100", lines <= 100)
  } finally {
    await server.stop()
    rmSync(repository, { recursive: true, force: true })
  }
}

say("| load | figure | server | goal | reached |\n| --- | --- | --- | --- | --- |")
for (const [key, part] of Object.entries(parts)) if (only === undefined || only === key) await measure(part)
process.exitCode = missed > 0 ? 1 : 0
