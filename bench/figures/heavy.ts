/**
 * Models that keep the cores busy, beside ONNX Runtime alone at its best setting: threads and rows of a run as they give the most for
 * as many sessions as the model has instances. The server has its defaults: a config says no more than what the figure is about.
 */
import type { Outcome } from "../load.ts"
import * as models from "../models.ts"
import { metered } from "../processor.ts"
import * as requests from "../requests.ts"
import { type Yardstick, yardstick } from "../server.ts"
import { driveSteadily } from "../steadyLoad.ts"
import { atLeast, type Context, type Figure, inTurns, type Measured, type Metered } from "./Figure.ts"

/** Sessions in a process of their own that nothing else calls. */
interface Alone {
  readonly process: Yardstick
  /** Rows of a run. */
  readonly batch: number
}

interface Setting {
  readonly intraOp: number
  readonly spins: boolean
}

/** What may be best on a machine of two cores. */
const settings = (instances: number): ReadonlyArray<Setting> =>
  instances === 1
    ? [{ intraOp: 2, spins: true }, { intraOp: 2, spins: false }, { intraOp: 1, spins: false }]
    : [{ intraOp: 1, spins: false }]

const outcome = (line: string): Outcome => {
  const [perSecond, p50, requests] = line.split(" ").map(Number) as [number, number, number]
  return { perSecond, p50, requests }
}

const run = ({ batch, process }: Alone, seconds: number): Promise<Metered> =>
  metered(process.pid, async () => outcome(await process.ask(`${batch} ${seconds}`)))

/** Tries every setting for a second and keeps the best. */
const best = async (path: string, instances: number, batches: ReadonlyArray<number>): Promise<Alone> => {
  let found: Alone | undefined
  let most = 0
  for (const { intraOp, spins } of settings(instances)) {
    const process = await yardstick("ort.ts", [
      path,
      String(instances),
      String(intraOp),
      spins ? "1" : "0",
      models.imageInput,
      models.imageShape.slice(1).join("x")
    ])
    for (const batch of batches) {
      await run({ process, batch }, 0)
      const { perSecond } = await run({ process, batch }, 1)
      if (perSecond <= most) continue
      most = perSecond
      if (found !== undefined && found.process !== process) found.process.stop()
      found = { process, batch }
    }
    if (found?.process !== process) process.stop()
  }
  return found!
}

/** What a figure serves and asks. */
export interface Heavy {
  readonly name: string
  /** The file that ONNX Runtime alone opens. */
  readonly path: string
  readonly model: string
  readonly instances: number
  readonly clients: number
  /** Rows of a run that ONNX Runtime alone may have; the best is taken. */
  readonly batches: ReadonlyArray<number>
  readonly goal: number
  readonly triton?: number | undefined
}

/** The figure, and what ends its yardstick. */
export const heavy = (
  context: Context,
  { batches, clients, goal, instances, model, name, path, triton }: Heavy
): { readonly figure: Figure; readonly stop: () => void } => {
  let alone: Alone | undefined
  const request = requests.float32(models.imageInput, models.imageShape)
  const load = (): Promise<Metered> =>
    metered(context.pid(), () =>
      driveSteadily({
        ...request,
        url: `${context.url()}/v2/models/${model}/infer`,
        connections: clients,
        seconds: context.seconds
      }))
  const measure = async (): Promise<Measured> => {
    if (alone === undefined) {
      alone = await best(path, instances, batches)
      await load()
    }
    const beside = alone
    return inTurns(load, () => run(beside, context.seconds))
  }
  return {
    figure: {
      name,
      unit: "inferences/s",
      goal: `≥ ${goal} of ONNX Runtime alone`,
      reached: atLeast(goal),
      triton,
      measure
    },
    stop: () => alone?.process.stop()
  }
}
