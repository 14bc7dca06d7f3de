/**
 * What the load of a large model does to the latency of a small one that has constant traffic: through the API, and in poll mode,
 * where the large file is hashed as well. Quiet times and times with loads take turns, so that a slow minute of the machine meets
 * both.
 *
 * Usage: node bench/lifecycle/bigload.ts [rounds=6] [seconds of each time=5] [megabytes=200]
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start as startServer } from "../server.ts"
import { failedRow, millis, print, type Row } from "./report.ts"
import * as tables from "./tables.ts"
import { quantile, start as startTraffic } from "./traffic.ts"

const rounds = Number(process.argv[2] ?? 6)
const seconds = Number(process.argv[3] ?? 5)
const size = Number(process.argv[4] ?? 200)

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

type State = "READY" | "UNAVAILABLE" | "LOADING" | "UNLOADING" | undefined

interface Loading {
  /** One load and one unload, from beginning to end. */
  readonly cycle: () => Promise<void>
}

const measure = async (
  mode: "explicit" | "poll",
  flags: ReadonlyArray<string>,
  loading: (repository: string, state: () => Promise<State>, url: string) => Loading
): Promise<ReadonlyArray<Row>> => {
  const folder = mkdtempSync(join(tmpdir(), "galatea-bigload-"))
  const repository = join(folder, "models")
  mkdirSync(repository)
  tables.place(repository, "small", { "config.pbtxt": tables.config(), "1/model.onnx": tables.table(1) })
  tables.place(repository, "large", { "config.pbtxt": tables.config(), "1/model.onnx": tables.table(2, size << 20) })
  if (mode === "poll") renameSync(join(repository, "large"), join(folder, "large"))
  const server = await startServer(repository, [`--model-control-mode=${mode}`, "--log-info=false", ...flags])
  try {
    const state = async (): Promise<State> => {
      const index = await (await fetch(`${server.url}/v2/repository/index`, { method: "POST" })).json()
      return (index as ReadonlyArray<{ readonly name: string; readonly state?: State }>)
        .find(({ name }) => name === "large")?.state
    }
    const { cycle } = loading(repository, state, server.url)
    const request = tables.request("small")
    const traffic = startTraffic({
      port: server.port,
      connections: 8,
      perSecond: 400,
      next: () => ({ request, problem: (body) => tables.valueOf(body) === 1 ? undefined : "a wrong answer" })
    })
    await sleep(2000)
    await cycle()
    traffic.takeLatencies()
    const quiet: Array<number> = []
    const loaded: Array<number> = []
    let cycles = 0
    for (let round = 0; round < rounds; round++) {
      await sleep(seconds * 1000)
      quiet.push(...traffic.takeLatencies())
      const until = performance.now() + seconds * 1000
      while (performance.now() < until) {
        await cycle()
        cycles++
      }
      loaded.push(...traffic.takeLatencies())
    }
    await traffic.stop()
    quiet.sort((a, b) => a - b)
    loaded.sort((a, b) => a - b)
    const at = (part: number) => [quantile(quiet, part), quantile(loaded, part)] as const
    const row = (name: string, part: number): Row => {
      const [before, during] = at(part)
      return {
        what: `${mode}: ${name}, quiet and with loads`,
        value: `${millis(before)}, ${millis(during)} (${(during / before).toFixed(2)} ×)`,
        ...(part === 0.99 ? { bound: "≤ 2 ×", holds: during <= 2 * before } : {})
      }
    }
    return [
      failedRow(mode, traffic),
      { what: `${mode}: loads of ${size} MB, answers meanwhile`, value: `${cycles}, ${loaded.length}` },
      row("p50", 0.5),
      row("p99", 0.99),
      row("p99.9", 0.999)
    ]
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

const until = async (state: () => Promise<State>, wanted: (state: State) => boolean): Promise<void> => {
  while (!wanted(await state())) await sleep(50)
}

const isGone = (state: State) => state === undefined || state === "UNAVAILABLE"

const explicit = await measure("explicit", ["--load-model=small"], (_, state, url) => ({
  cycle: async () => {
    for (const action of ["load", "unload"]) {
      const response = await fetch(`${url}/v2/repository/models/large/${action}`, { method: "POST" })
      if (response.status !== 200) throw new Error(`${action}: ${await response.text()}`)
    }
    await until(state, isGone)
  }
}))

const poll = await measure("poll", ["--repository-poll-secs=1", "--repository-settle-ms=100"], (repository, state) => {
  const [outside, inside] = [join(repository, "..", "large"), join(repository, "large")]
  return {
    cycle: async () => {
      if (existsSync(outside)) renameSync(outside, inside)
      await until(state, (state) => state === "READY")
      renameSync(inside, outside)
      await until(state, isGone)
    }
  }
})

print([...explicit, ...poll])
