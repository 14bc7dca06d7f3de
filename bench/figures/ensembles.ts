/** What it costs to put models together. */
import * as ensembleModels from "../ensembleModels.ts"
import * as requests from "../requests.ts"
import { atLeast, besideModel, byCost, byLatency, type Context, type Figure } from "./Figure.ts"

const busy = () => requests.float32(ensembleModels.busyInput.name, ensembleModels.busyInput.shape)

export const ensembles = (context: Context): ReadonlyArray<Figure> => {
  const three = besideModel(context, "three", "simple", requests.simple(), 32)
  const diamond = besideModel(context, "diamond", "path", busy(), 1)
  return [
    {
      name:
        "ensembles: processor time of the server for three of `simple` one behind the other, 32 connections, beside one",
      unit: "µs",
      goal: "≤ 2 of one",
      reached: (ratio) => ratio <= 2,
      measure: async () => byCost(await three())
    },
    {
      name: "ensembles: three of `simple` one behind the other, 32 connections, beside one",
      unit: "requests/s",
      goal: "≥ 0.5 of one",
      reached: atLeast(0.5),
      measure: three
    },
    {
      name: "ensembles: a diamond, p50, beside an ensemble of its longest path",
      unit: "µs",
      goal: "≤ 1.1 of the path",
      reached: (ratio) => ratio <= 1.1,
      measure: async () => byLatency(await diamond())
    }
  ]
}
