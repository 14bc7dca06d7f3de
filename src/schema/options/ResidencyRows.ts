/** Options for more models than memory. */
import { single } from "./OptionRow.ts"
import { exactBytes, int } from "./ValueTypes.ts"

const group = "Server and repository"
const own = { group, triton: false } as const

/** @category models */
export const residencyRows = [
  single({
    ...own,
    name: "model-residency-budget",
    type: exactBytes,
    default: 0,
    defaultText: "0 (no budget)",
    unit: "bytes",
    doc:
      "Memory that loaded models may take together, as measured when they load. With a budget a model is loaded when it is first asked for, and the least recently used idle ones leave when another one needs their room."
  }),
  single({
    ...own,
    name: "model-residency-idle-secs",
    type: int({ min: 0 }),
    default: 0,
    defaultText: "0 (never)",
    unit: "seconds",
    doc:
      "A model that nobody has asked for as long leaves memory, and loads again when it is asked for. Without a budget as well, models load when they are first asked for."
  }),
  single({
    ...own,
    name: "model-residency-max-waiting",
    type: int({ min: 1 }),
    default: 4096,
    doc: "Requests that may wait for models to load at the same time; more are refused with 503."
  }),
  single({
    ...own,
    name: "model-residency-wait-ms",
    type: int({ min: 1 }),
    default: 60_000,
    unit: "milliseconds",
    doc: "How long a request waits for its model to load; a deadline of its own may end it earlier."
  })
] as const
