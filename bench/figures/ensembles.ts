/** What it costs to put models together. */
import * as ensembleModels from "../ensembleModels.ts"
import * as requests from "../requests.ts"
import { atLeast, besideModel, type Context, type Figure, load } from "./Figure.ts"

const busy = () => requests.float32(ensembleModels.busyInput.name, ensembleModels.busyInput.shape)

/** Median latency of two models in turns, one request at a time. */
const latencies = (context: Context, model: string, other: string) => async () => {
  const half = { ...context, seconds: Math.max(1, context.seconds / 2) }
  const of = async (name: string) => (await load(half, name, busy(), 1)).p50
  const [b1, v1, v2, b2] = [await of(other), await of(model), await of(model), await of(other)]
  return { value: (v1 + v2) / 2, beside: (b1 + b2) / 2, ratio: (v1 + v2) / (b1 + b2) }
}

export const ensembles = (context: Context): ReadonlyArray<Figure> => [
  {
    name: "ensembles: three of `simple` one behind the other, 32 connections, beside one",
    unit: "requests/s",
    goal: "≥ 0.5 of one",
    reached: atLeast(0.5),
    measure: besideModel(context, "three", "simple", requests.simple(), 32)
  },
  {
    name: "ensembles: a diamond, p50, beside an ensemble of its longest path",
    unit: "µs",
    goal: "≤ 1.1 of the path",
    reached: (ratio) => ratio <= 1.1,
    measure: latencies(context, "diamond", "path")
  }
]
