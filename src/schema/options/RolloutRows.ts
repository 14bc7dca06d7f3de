/** Bounds of what runs in the shadow of answered requests; this server's own. */
import { single } from "./OptionRow.ts"
import { int } from "./ValueTypes.ts"

const group = "Execution"

/** @category models */
export const rolloutRows = [
  single({
    name: "shadow-max-inflight-requests",
    type: int({ min: 0 }),
    default: 64,
    triton: false,
    unit: "requests",
    group,
    doc:
      "How many answered requests may be copied to run in the shadow and not be compared yet. The next one is dropped and counted."
  }),
  single({
    name: "shadow-max-inflight-bytes",
    type: int({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    default: 67108864,
    triton: false,
    unit: "bytes",
    group,
    doc: "How much memory the inputs and outputs of requests may take that were copied to run in the shadow."
  })
] as const
