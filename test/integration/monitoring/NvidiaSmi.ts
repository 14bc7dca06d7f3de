/** A machine with a GPU, as far as `nvidia-smi` makes it one. */
import { Effect } from "effect"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"

/** A folder with a program of that name, which tells of one GPU. */
export const folder = Effect.map(
  TemporaryRepository.make({
    "nvidia-smi": "#!/bin/sh\necho '0, GPU-0123, NVIDIA H100, 9.0, 81559, 1024, 25, 100.50, 700.00'\n"
  }),
  (folder) => {
    chmodSync(join(folder, "nvidia-smi"), 0o755)
    return folder
  }
)

/** Waits until an exposition has every metric of the GPU. */
export const seen = Effect.fnUntraced(function*(exposition: Effect.Effect<string>) {
  while (!(yield* exposition).includes("nv_energy_consumption{")) yield* Effect.sleep("5 millis")
})
