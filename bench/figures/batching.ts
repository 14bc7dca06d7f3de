/** What batching gains, and what it costs. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as requests from "../requests.ts"
import { start, type Started } from "../server.ts"
import { atLeast, besideModel, type Context, contextOf, type Figure, inTurns, load, type Measured } from "./Figure.ts"

export const batching = (context: Context): ReadonlyArray<Figure> => [
  {
    name: "`simple` with `dynamic_batching { }`, 64 connections, beside the same without",
    unit: "requests/s",
    goal: "≥ 1.15 of it unbatched",
    reached: atLeast(1.15),
    measure: besideModel(context, "simple_batched", "simple_direct", requests.simple(), 64)
  },
  {
    name: "Silero VAD with `dynamic_batching { }`, 32 connections, beside the same without",
    unit: "requests/s",
    goal: "≥ 3 of it unbatched",
    reached: atLeast(3),
    measure: besideModel(context, "silero_batched", "silero_direct", requests.silero(), 32)
  }
]

/**
 * The same load on two servers, with metrics and without. Of two servers of the same kind the one that started first is slower by a
 * tenth here, so each kind is the first one once, and what counts is the geometric mean.
 */
export const metrics = (repository: string, seconds: number): Figure => ({
  name: "`simple` with `dynamic_batching { }`, 64 connections, with all metrics beside `--allow-metrics=false`",
  unit: "requests/s",
  goal: "≥ 0.97",
  reached: atLeast(0.97),
  measure: async () => {
    const without = ["--allow-metrics=false"]
    const [one, other] = [await pair(repository, seconds, [], without), await pair(repository, seconds, without, [])]
    return {
      value: (one.value + other.beside) / 2,
      beside: (one.beside + other.value) / 2,
      ratio: Math.sqrt(one.ratio / other.ratio)
    }
  }
})

/** Two servers with these flags, the first one beside the second. */
const pair = async (
  repository: string,
  seconds: number,
  first: ReadonlyArray<string>,
  second: ReadonlyArray<string>
): Promise<Measured> => {
  const servers = [await start(repository, first), await start(repository, second)] as const
  const on = (server: Started) => () => load(contextOf(seconds, server), "simple_batched", requests.simple(), 64)
  for (const server of servers) await on(server)()
  const measured = await inTurns(on(servers[0]), on(servers[1]))
  for (const server of servers) await server.stop()
  return measured
}

const batcher = fileURLToPath(new URL("../batcher.ts", import.meta.url))

const printed = (pattern: RegExp): number => {
  const text = execFileSync(process.execPath, ["--expose-gc", batcher], { encoding: "utf8" })
  const found = pattern.exec(text)
  if (found === null) throw new Error(`bench/batcher.ts printed no such figure:\n${text}`)
  return Number(found[1])
}

const under = async (pattern: RegExp, limit: number): Promise<Measured> => {
  const value = printed(pattern)
  return { value, beside: limit, ratio: value / limit }
}

/** `bench/batcher.ts`: the batcher alone. */
export const alone: ReadonlyArray<Figure> = [
  {
    name: "batcher alone, 512 callers, batches of 32, executor that does nothing",
    unit: "µs a request",
    goal: "< 2 µs",
    reached: (ratio) => ratio < 1,
    measure: () => under(/512 callers, batches of 32: ([\d.]+)/, 2)
  },
  {
    name: "100,000 waiting requests, with the fiber of each caller",
    unit: "bytes each",
    goal: "< 1,000 bytes",
    reached: (ratio) => ratio < 1,
    measure: () => under(/100000 waiting requests: (\d+)/, 1000)
  }
]
