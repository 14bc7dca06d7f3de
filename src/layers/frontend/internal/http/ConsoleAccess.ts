/** Who may open the console. */
import type { IncomingHttpHeaders } from "node:http"
import type { AutoBool } from "../../../../schema/options/ValueTypes.ts"

/** What a proxy adds to what it passes on: whoever it comes from is not who it seems to be. */
const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]

const octet = "(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])"
const loopback = `127\\.${octet}\\.${octet}\\.${octet}`
const ownAddress = new RegExp(`^(?:::1|(?:::ffff:)?${loopback})$`)
/** Names of this machine that no name server decides about: a page of somebody else's cannot be called so. */
const ownName = new RegExp(`^(?:localhost|${loopback}|\\[::1\\])(?::\\d{1,5})?$`, "i")

/** What a request says of where it comes from. @internal */
export interface Asker {
  /** The address that the connection comes from. */
  readonly peer: string | undefined
  /** Of an absolute-form target: it counts instead of `Host`. */
  readonly authority?: string | undefined
  /** Every `Host`; more than one is nobody's. */
  readonly hosts: ReadonlyArray<string>
  readonly headers: IncomingHttpHeaders
}

/** `auto`: to whoever sits at this machine. @internal */
export const isAllowed = (access: AutoBool, { authority, headers, hosts, peer }: Asker): boolean => {
  if (access !== "auto") return access === "true"
  return peer !== undefined && ownAddress.test(peer) &&
    hosts.length <= 1 && ownName.test(authority ?? hosts[0] ?? "") &&
    forwarding.every((name) => headers[name] === undefined)
}
