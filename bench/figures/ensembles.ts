/** What it costs to put models together. */
import * as ensembleModels from "../ensembleModels.ts"
import { drive } from "../load.ts"
import * as requests from "../requests.ts"
import type { Started } from "../server.ts"
import { Cost, ratioOf } from "./Cost.ts"
import { atLeast, besideModel, type Context, type Figure, inTurns, load } from "./Figure.ts"

const busy = () => requests.float32(ensembleModels.busyInput.name, ensembleModels.busyInput.shape)

/** Median latency of two models in turns, one request at a time. */
const latencies = (context: Context, model: string, other: string) => async () => {
  const half = { ...context, seconds: Math.max(1, context.seconds / 2) }
  const of = async (name: string) => (await load(half, name, busy(), 1)).p50
  const [b1, v1, v2, b2] = [await of(other), await of(model), await of(model), await of(other)]
  return { value: (v1 + v2) / 2, beside: (b1 + b2) / 2, ratio: (v1 + v2) / (b1 + b2) }
}

/** Processor time of the server for a request, of one model and of another in turns. */
const costs = ({ seconds, url }: Context, server: () => Started, model: string, other: string) => async () => {
  const half = Math.max(1, seconds / 2)
  const [value, beside] = [new Cost(server, half), new Cost(server, half)]
  const of = (name: string, seconds: number) =>
    drive({ ...requests.simple(), url: `${url()}/v2/models/${name}/infer`, connections: 32, seconds })
  await of(other, 1)
  await of(model, 1)
  await inTurns(() => value.of(() => of(model, half)), () => beside.of(() => of(other, half)))
  return ratioOf(value, beside)
}

export const ensembles = (context: Context, server: () => Started): ReadonlyArray<Figure> => [
  {
    name:
      "ensembles: processor time of the server for three of `simple` one behind the other, 32 connections, beside one",
    unit: "µs",
    goal: "≤ 2 of one",
    reached: (ratio) => ratio <= 2,
    measure: costs(context, server, "three", "simple")
  },
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
