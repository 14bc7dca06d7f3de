/** A model that keeps the cores busy, beside ONNX Runtime alone at its best setting on two cores: two sessions of one thread. */
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import { atLeast, type Context, type Figure, load, ortAlone } from "./Figure.ts"

const figure = (context: Context, path: string, clients: number): Figure => ({
  name: `ResNet-50 shape, ${clients} clients`,
  unit: "inferences/s",
  goal: "≥ 0.95 of ONNX Runtime alone",
  reached: atLeast(0.95),
  measure: async () => {
    const beside = await ortAlone(context.seconds, path, 2, 1)
    const request = requests.float32(models.resnetInput, models.resnetShape)
    const { perSecond } = await load(context, "resnet50", request, clients)
    return { value: perSecond, beside, ratio: perSecond / beside }
  }
})

export const heavy = (context: Context, path: string): ReadonlyArray<Figure> => [
  figure(context, path, 2),
  figure(context, path, 4)
]

/** The same model with a batcher, beside ONNX Runtime alone in batches of one and of eight, whichever is faster. */
export const heavyBatched = (context: Context, path: string): ReadonlyArray<Figure> =>
  [4, 16].map((clients): Figure => ({
    name: `ResNet-50 shape, \`dynamic_batching { }\`, ${clients} clients`,
    unit: "inferences/s",
    goal: "≥ 0.95 of ONNX Runtime alone at its best batch",
    reached: atLeast(0.95),
    measure: async () => {
      const beside = Math.max(
        await ortAlone(context.seconds, path, 2, 1),
        await ortAlone(context.seconds, path, 2, 1, 8)
      )
      const request = requests.float32(models.resnetInput, models.resnetShape)
      const { perSecond } = await load(context, "resnet50_batched", request, clients)
      return { value: perSecond, beside, ratio: perSecond / beside }
    }
  }))
