/** Options of the address of administration. */
import { single } from "./OptionRow.ts"
import { port, string } from "./ValueTypes.ts"

const group = "Administration"

/** @category models */
export const adminRows = [
  single({
    name: "admin-address",
    type: string,
    default: "",
    defaultText: "none",
    triton: false,
    group,
    doc:
      "Serve HTTP also at this address, and load, unload, trace settings, log settings and shared memory only there. Without it they are served wherever HTTP and gRPC are."
  }),
  single({
    name: "admin-port",
    type: port,
    default: 8003,
    triton: false,
    group,
    doc: "Port to listen on at --admin-address; 0 lets the system choose a free one, which the server prints."
  })
] as const
