/** What a scheduler is opened with, for tests that bring their own instances. */
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { QueueOptions } from "../../src/services/Scheduler.ts"

export const queueOptions = (
  name: string,
  draft: Omit<ModelConfig.Draft, "name"> = {}
): Omit<QueueOptions, "instances" | "statistics"> & { readonly statistics: Books } => {
  const config = ModelConfig.make({ ...draft, name })
  return {
    config,
    version: 1,
    plan: {
      model: name,
      version: 1,
      path: "",
      inputs: [],
      outputs: [],
      batched: config.max_batch_size > 0,
      instances: [],
      session: {}
    },
    signature: ModelSignature.make(config),
    statistics: new Books(name, 1, () => 0)
  }
}
