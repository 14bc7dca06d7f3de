/** Options of the end of the server. Source: model-config §1.14, §7.2. */
import { single } from "./OptionRow.ts"
import { int, maxInt32 } from "./ValueTypes.ts"

const group = "Server and repository"

/** @category models */
export const exitRows = [
  single({
    name: "exit-timeout-secs",
    type: int({ min: 0 }),
    default: 30,
    unit: "seconds",
    group,
    doc:
      "How long work in flight may take to finish once no more is taken. The server exits with 0 as soon as it has, and with 1 when the time is over."
  }),
  single({
    name: "exit-drain-ms",
    type: int({ min: 0, max: maxInt32 }),
    default: 0,
    triton: false,
    unit: "milliseconds",
    group,
    doc:
      "How long requests are still taken after SIGINT or SIGTERM, while the server says that it is not ready. Choose as long as load balancers need to notice."
  }),
  single({
    name: "exit-receive-timeout-ms",
    type: int({ min: 0, max: maxInt32 }),
    default: 5000,
    triton: false,
    unit: "milliseconds",
    group,
    doc:
      "How long a request that was half received when no more is taken may take to arrive. What is missing then is not waited for."
  })
] as const
