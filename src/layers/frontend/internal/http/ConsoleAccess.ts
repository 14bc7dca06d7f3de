/** Who may open the console. */
import type { IncomingHttpHeaders } from "node:http"
import type { AutoBool } from "../../../../schema/options/ValueTypes.ts"

/** What a proxy adds to what it passes on: whoever it comes from is not who it seems to be. */
const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]

const isLoopbackAddress = (address: string): boolean =>
  address === "::1" || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address)

/** A name of this machine that no name server decides about: a page of somebody else's cannot be called so. */
const isLoopbackHost = (host: string): boolean =>
  /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i.test(host)

/** `auto`: to whoever sits at this machine. @internal */
export const isAllowed = (access: AutoBool, peer: string | undefined, headers: IncomingHttpHeaders): boolean => {
  if (access !== "auto") return access === "true"
  return peer !== undefined && isLoopbackAddress(peer) && isLoopbackHost(headers.host ?? "") &&
    forwarding.every((name) => headers[name] === undefined)
}
