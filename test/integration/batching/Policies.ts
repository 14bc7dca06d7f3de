/** Policies of their own for scenarios, in the place of Triton's custom batching libraries. */
import * as BatchPolicy from "../../../src/layers/scheduling/BatchPolicy.ts"
import type { ModelConfig } from "../../../src/schema/ModelConfig.ts"
import type { BatchPolicy as Policy } from "../../../src/services/Batcher.ts"

/** Bytes of one row over all inputs, of four bytes an element; free dimensions count as 1. */
const rowBytes = ({ input }: ModelConfig): number =>
  input.reduce((sum, { dims }) => sum + 4 * dims.reduce((product, dim) => product * Math.max(1, dim), 1), 0)

const atMost = (rows: number): Policy => BatchPolicy.make((queue) => BatchPolicy.leave(queue.fit(rows)))

export const policies: Readonly<Record<"rows of 96 bytes" | "one request", (config: ModelConfig) => Policy>> = {
  "rows of 96 bytes": (config) => atMost(Math.max(1, Math.floor(96 / rowBytes(config)))),
  "one request": () => atMost(1)
}
