/** Start and memory of six small models, and small and large requests over HTTP beside a bare echo. */
import { median } from "../lifecycle/report.ts"
import { drive } from "../load.ts"
import * as models from "../models.ts"
import { metered } from "../processor.ts"
import * as requests from "../requests.ts"
import { start, yardstick } from "../server.ts"
import {
  atLeast,
  atMost,
  byLatency,
  type Context,
  type Figure,
  half,
  inTurns,
  load,
  type Measured,
  warmed
} from "./Figure.ts"
import * as Triton from "./Triton.ts"

/** How a server starts on this repository. */
export const starting = (repository: string): ReadonlyArray<Figure> => [
  {
    name: "process start to ready, six small models",
    unit: "ms",
    goal: "< 600 ms",
    reached: (ratio) => ratio < 1,
    measure: async () => {
      const starts: Array<number> = []
      for (let i = 0; i < 3; i++) {
        const started = await start(repository)
        await started.stop()
        starts.push(started.startMillis)
      }
      const value = median(starts)
      return { value, beside: 600, ratio: value / 600 }
    }
  },
  {
    name: "resident memory three seconds after the start, six small models",
    unit: "MB",
    goal: "< 130 MB",
    reached: (ratio) => ratio < 1,
    measure: async () => {
      const started = await start(repository)
      // Threads give back what starting up has used in their first idle second.
      await new Promise((resolve) => setTimeout(resolve, 3000))
      const value = started.rss()
      await started.stop()
      return { value, beside: 130, ratio: value / 130 }
    }
  }
]

/** The server and an echo of the same sizes, in turns. */
const besideEcho = (
  context: Context,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): () => Promise<Measured> => {
  const serve = () => load(context, model, request, connections)
  return warmed(async () => {
    const sample = await fetch(`${context.url()}/v2/models/${model}/infer`, {
      method: "POST",
      body: Buffer.from(request.body),
      headers: request.headers
    })
    const bytes = (await sample.arrayBuffer()).byteLength
    if (sample.status !== 200) throw new Error(`${model} answered ${sample.status}`)
    const echo = await yardstick("echo.ts", [String(bytes), request.headers["Content-Type"]!])
    try {
      const url = `http://127.0.0.1:${echo.line}/`
      await drive({ ...request, url, connections, seconds: 1 })
      return await inTurns(
        serve,
        () => metered(echo.pid, () => drive({ ...request, url, connections, seconds: half(context.seconds) }))
      )
    } finally {
      echo.stop()
    }
  }, serve)
}

const shown = (connections: number): string => `${connections} connection${connections === 1 ? "" : "s"}`

const goals = { 1: 0.7, 8: 0.6, 32: 0.7, 128: 0.72 } as const

const kinds = [
  { kind: "binary", request: requests.simple, triton: Triton.binary },
  { kind: "JSON", request: requests.simpleJson, triton: Triton.json }
]

const small = (context: Context): ReadonlyArray<Figure> =>
  kinds.flatMap(({ kind, request, triton }) => [
    ...Object.entries(goals).map(([key, goal]): Figure => {
      const connections = Number(key)
      return {
        name: `HTTP: \`simple\`, ${kind}, ${shown(connections)}`,
        unit: "requests/s",
        goal: `≥ ${goal.toFixed(2)} of the echo`,
        reached: atLeast(goal),
        triton: triton[connections],
        measure: besideEcho(context, "simple", request(), connections)
      }
    }),
    latency(context, kind, request())
  ])

const latency = (context: Context, kind: string, request: requests.BinaryRequest): Figure => {
  const measure = besideEcho(context, "simple", request, 1)
  return {
    name: `HTTP: \`simple\`, ${kind}, 1 connection, p50`,
    unit: "µs",
    goal: "≤ 1.4 × echo",
    reached: atMost(1.4),
    triton: Triton.latency,
    measure: async () => byLatency(await measure())
  }
}

const largeGoals = { 1: 0.75, 8: 0.85 } as const

const large = (context: Context): ReadonlyArray<Figure> =>
  Object.entries(largeGoals).map(([key, goal]): Figure => {
    const connections = Number(key)
    const request = requests.float32("INPUT0", models.identityShape)
    return {
      name: `HTTP: FP32 identity, 602 kB each way, ${shown(connections)}`,
      unit: "requests/s",
      goal: `≥ ${goal} of the echo`,
      reached: atLeast(goal),
      triton: Triton.large[connections],
      measure: besideEcho(context, "identity_fp32", request, connections)
    }
  })

export const serving = (context: Context): ReadonlyArray<Figure> => [...small(context), ...large(context)]

/** The highest resident memory of a server so far, as it was looked at four times a second. */
export const memory = (name: string, highest: () => number, limit?: number): Figure => ({
  name: `resident memory, highest, ${name}`,
  unit: "MB",
  goal: limit === undefined ? "–" : `< ${limit} MB`,
  reached: (ratio) => limit === undefined || ratio < 1,
  of: "highest",
  measure: async () => ({ value: highest(), beside: limit ?? highest(), ratio: highest() / (limit ?? highest()) })
})
