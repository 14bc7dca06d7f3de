/** By which address a client without a key is known. */
import { BlockList, isIPv4, isIPv6 } from "node:net"
import type { Asker } from "../../../services/Access.ts"

/** A range of addresses. @internal */
export interface Range {
  readonly address: string
  readonly prefix: number
}

/** Addresses whose groups are remembered. */
const maxRemembered = 4096

/** Longest `X-Forwarded-For` that is read, from its end, in characters. */
const maxForwarded = 2048

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The address as people write it; `undefined` for what is none. A port and brackets may stand around it, as proxies write them. */
const plain = (text: string): string | undefined => {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ??
    (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text)
  const zone = bare.indexOf("%")
  const address = zone === -1 ? bare : bare.slice(0, zone)
  const v4 = mapped.exec(address)?.[1] ?? address
  return isIPv4(v4) || isIPv6(v4) ? v4 : undefined
}

/** The first four groups of an IPv6 address: what one client may have to itself. */
const network = (address: string): string => {
  const [head = "", tail] = address.toLowerCase().split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  // A dotted end stands for two groups.
  const groups = left.length + right.length + (address.includes(".") ? 1 : 0)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups)
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "")).join(":") + "::/64"
}

/** @internal */
export class ClientAddress {
  private readonly proxies: BlockList | undefined
  private readonly remembered = new Map<string, string>()

  /** `trusted`: proxies whose `X-Forwarded-For` is believed. */
  constructor(trusted: ReadonlyArray<Range>) {
    if (trusted.length === 0) return
    const proxies = this.proxies = new BlockList()
    for (const { address, prefix } of trusted) proxies.addSubnet(address, prefix, isIPv4(address) ? "ipv4" : "ipv6")
  }

  /** An IPv4 address, or the /64 network of an IPv6 one; `unknown` where the transport does not tell. */
  of({ forwardedFor, peer }: Asker): string {
    if (peer === undefined) return "unknown"
    const { proxies } = this
    if (proxies === undefined || forwardedFor === undefined) return this.group(peer)
    return this.group(this.behind(proxies, peer, forwardedFor))
  }

  /** The last address that no trusted proxy vouches for: what stands before it, anybody may have written. */
  private behind(proxies: BlockList, peer: string, forwardedFor: string): string {
    let client = plain(peer) ?? peer
    const hops = forwardedFor.slice(-maxForwarded).split(",")
    for (let i = hops.length - 1; i >= 0 && this.trusts(proxies, client); i--) {
      const hop = plain(hops[i]!.trim())
      if (hop === undefined) return client
      client = hop
    }
    return client
  }

  private trusts(proxies: BlockList, address: string): boolean {
    return proxies.check(address, isIPv4(address) ? "ipv4" : "ipv6")
  }

  private group(text: string): string {
    const known = this.remembered.get(text)
    if (known !== undefined) return known
    const address = plain(text) ?? text
    const group = isIPv6(address) ? network(address) : address
    if (this.remembered.size >= maxRemembered) this.remembered.clear()
    this.remembered.set(text, group)
    return group
  }
}
