/** What it costs that the server keeps sequences, and what it gains that it batches their steps. */
import { drive } from "../load.ts"
import { metered } from "../processor.ts"
import * as requests from "../requests.ts"
import { yardstick } from "../server.ts"
import { driveSteps } from "../steps.ts"
import { atLeast, atMost, byCost, type Context, type Figure, half, inTurns, type Measured, warmed } from "./Figure.ts"

const strategies = ["oldest", "direct"] as const

const connections = 32

/** A step beside a request without a sequence, by what they cost the server: that moves less than how many there are in a second. */
const overHttp = (context: Context, model: string): () => Promise<Measured> => {
  const { pid, url } = context
  const stepping = (seconds: number) =>
    driveSteps(
      { url: url(), model, step: requests.step, sequences: connections, seconds },
      (steps) => metered(pid(), steps)
    )
  const asking = (seconds: number) => {
    const request = requests.step()
    const turns = Array.from({ length: connections }, () => request.body)
    return metered(
      pid(),
      () => drive({ ...request, turns, url: `${url()}/v2/models/plain/infer`, connections, seconds })
    )
  }
  const seconds = half(context.seconds)
  return warmed(async () => byCost(await inTurns(() => stepping(seconds), () => asking(seconds))), async () => {
    await asking(1)
    await stepping(1)
  })
}

const named = { oldest: "Oldest", direct: "Direct" }

/** Steps per second of so many Silero sequences at once. */
const silero = ({ pid, seconds, url }: Context, sequences: number) => () =>
  driveSteps(
    { url: url(), model: "silero_sequence", step: requests.sileroStep, sequences, seconds: half(seconds) },
    (steps) => metered(pid(), steps)
  )

export const sequences = (context: Context): ReadonlyArray<Figure> => [
  ...strategies.map((strategy): Figure => ({
    name:
      `sequences: processor time of the server for a step, ${
        named[strategy]
      }, state and all controls, 32 connections, ` +
      "beside a batched request without",
    unit: "µs",
    goal: "≤ 1.2 of it",
    reached: atMost(1.2),
    measure: overHttp(context, `running_${strategy}`)
  })),
  {
    name: "sequences: 16 of Silero VAD at once, beside one",
    unit: "steps/s",
    goal: "≥ 2.5 of one",
    reached: atLeast(2.5),
    measure: warmed(() => inTurns(silero(context, 16), silero(context, 1)), silero(context, 16))
  }
]

/** Microseconds of the thread that makes the step. */
const inProcess = (seconds: number, strategy: typeof strategies[number]): Figure => ({
  name:
    `sequences in process: CPU time of the calling thread for a step, ${named[strategy]}, state and all controls, ` +
    "32 at a time, beside a batched call without",
  unit: "µs",
  goal: "≤ 1.2 of it",
  reached: atMost(1.2),
  measure: async () => {
    const { line } = await yardstick("steps.ts", [String(seconds), "32", strategy, "batched"])
    const [value, beside] = line.split(" ").map(Number) as [number, number]
    return { value, beside, ratio: value / beside }
  }
})

const count = 1000

/** Megabytes of so many sequences beside their states: what is kept, or what is resident. */
const memory = (name: string, which: 0 | 1): Figure => ({
  name: `sequences: memory of 1,000 beside their states of 64 bytes, ${name}`,
  unit: "MB",
  goal: "< 50 MB",
  reached: (ratio) => ratio < 1,
  measure: async () => {
    const { line } = await yardstick("sequenceMemory.ts", [String(count), "16"])
    const value = Number(line.split(" ")[which]) * count / 1e6
    return { value, beside: 50, ratio: value / 50 }
  }
})

/** Figures of a process that has the server inside. */
export const sequencesInside = (seconds: number): ReadonlyArray<Figure> => [
  ...strategies.map((strategy) => inProcess(seconds, strategy)),
  memory("heap and buffers", 0),
  memory("resident", 1)
]
