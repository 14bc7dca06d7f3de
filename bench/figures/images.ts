/** The figures of heavy models: what is served, by how many clients, and what it has to reach. */
import { join } from "node:path"
import * as models from "../models.ts"
import type { Heavy } from "./heavy.ts"
import * as Triton from "./Triton.ts"

interface Shape {
  readonly shape: "resnet50" | "squeezenet"
  readonly shown: string
  readonly goal: number
  readonly triton: Readonly<Record<number, number>>
}

const resnet: Shape = { shape: "resnet50", shown: "ResNet-50 shape", goal: 0.97, triton: Triton.resnet }
const squeezenet: Shape = { shape: "squeezenet", shown: "SqueezeNet shape", goal: 0.95, triton: Triton.squeezenet }

const group = (instances: number): string => `instance_group { count: ${instances} }`

const plural = (instances: number): string => `${instances} instance${instances === 1 ? "" : "s"}`

/** A repository with one model, and the figure of it. */
export interface Image {
  readonly repository: string
  readonly heavy: Heavy
}

/** One request at a time for each instance, and one that waits: batches are made unless a model takes one row at most. */
const direct = (instances: number) => ({
  instances,
  what: plural(instances),
  config: `${group(instances)} max_batch_size: 1`,
  clients: 2 * instances,
  batches: [1]
})

/** As many as two batches of eight for each instance. */
const batched = (instances: number) => ({
  instances,
  what: `${plural(instances)}, \`max_batch_size: 8 dynamic_batching { }\``,
  config: `${group(instances)} max_batch_size: 8 dynamic_batching { }`,
  clients: 16 * instances,
  batches: [1, 8]
})

/** Without any config: two instances, and batches of up to four. */
const plain = { instances: 2, what: "no config", config: undefined, clients: 8, batches: [1, 4] }

/** Writes the repositories and says what is measured on each. */
export const images = (folder: string): ReadonlyArray<Image> =>
  [
    ...[direct(1), direct(2), batched(1), batched(2), plain].map((kind) => ({ ...kind, ...resnet })),
    ...[direct(1), direct(2), plain].map((kind) => ({ ...kind, ...squeezenet }))
  ].map(({ batches, clients, config, goal, instances, shape, shown, triton, what }, i) => {
    const { path, repository } = models.imageRepository(join(folder, `image${i}`), shape, config)
    return {
      repository,
      heavy: {
        name: `${shown}, ${what}, ${clients} clients`,
        path,
        model: shape,
        instances,
        clients,
        batches,
        goal,
        triton: batches.length === 1 ? triton[instances] : undefined
      }
    }
  })
