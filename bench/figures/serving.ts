/** Start, memory, and small and large requests of six small models. */
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import { start, type Started, yardstick } from "../server.ts"
import { atLeast, besideEcho, type Context, type Figure, throughput } from "./Figure.ts"

/** How a server starts on this repository. */
export const starting = (repository: string): ReadonlyArray<Figure> => [
  {
    name: "process start to ready, six small models",
    unit: "ms",
    goal: "< 1,500 ms",
    reached: (ratio) => ratio < 1,
    measure: async () => {
      const started = await start(repository)
      await started.stop()
      return { value: started.startMillis, beside: 1500, ratio: started.startMillis / 1500 }
    }
  },
  {
    name: "resident memory three seconds after the start, six small models",
    unit: "MB",
    goal: "< 250 MB",
    reached: (ratio) => ratio < 1,
    measure: async () => {
      const started = await start(repository)
      // Threads give back what starting up has used in their first idle second.
      await new Promise((resolve) => setTimeout(resolve, 3000))
      const value = started.rss()
      await started.stop()
      return { value, beside: 250, ratio: value / 250 }
    }
  }
]

export const serving = (context: Context, server: () => Started): ReadonlyArray<Figure> => [
  {
    name: "`simple`, binary, 32 connections",
    unit: "requests/s",
    goal: "≥ 0.38 of the echo",
    reached: atLeast(0.38),
    measure: throughput(context, "simple", requests.simple(), 32)
  },
  {
    name: "`simple`, binary, 1 connection, p50",
    unit: "µs",
    goal: "≤ 1 × (2.5 × echo + worker hop)",
    reached: (ratio) => ratio <= 1,
    measure: async () => {
      const outcome = await besideEcho(context, "simple", requests.simple(), 1)
      const hop = await yardstick("hop.ts", [])
      const allowed = 2.5 * outcome.echo.p50 + Number(hop.line)
      return { value: outcome.server.p50, beside: allowed, ratio: outcome.server.p50 / allowed }
    }
  },
  {
    name: "FP32 identity, 602 kB each way, 8 connections",
    unit: "requests/s",
    goal: "≥ 0.5 of the echo",
    reached: atLeast(0.5),
    measure: throughput(context, "identity_fp32", requests.float32("INPUT0", models.identityShape), 8)
  },
  {
    name: "resident memory after these loads",
    unit: "MB",
    goal: "–",
    reached: () => true,
    measure: async () => ({ value: server().rss(), beside: 250, ratio: server().rss() / 250 })
  }
]
