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

/** The eight groups of an IPv6 address. */
const groupsOf = (address: string): ReadonlyArray<number> => {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hexadecimal = dotted === null ? address : address.slice(0, dotted.index) +
    [Number(dotted[1]) * 256 + Number(dotted[2]), Number(dotted[3]) * 256 + Number(dotted[4])]
      .map((group) => group.toString(16)).join(":")
  const [head = "", tail] = hexadecimal.split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Math.max(0, 8 - left.length - right.length)
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].map((group) => Number.parseInt(group, 16))
}

/** Networks of which each address stands for one of IPv4: mapped ones, and those of translators (RFC 4291 §2.5.5.2, RFC 6052 §2.1). */
const ofIpv4: ReadonlySet<string> = new Set(["0:0:0:0:0:ffff", "64:ff9b:0:0:0:0"])

/** The first four groups of an IPv6 address: what one client may have to itself. Of one that stands for an IPv4 address: that. */
const network = (address: string): string => {
  const groups = groupsOf(address)
  if (ofIpv4.has(groups.slice(0, 6).map((group) => group.toString(16)).join(":"))) {
    return groups.slice(6).flatMap((group) => [group >> 8, group & 255]).join(".")
  }
  return groups.slice(0, 4).map((group) => group.toString(16)).join(":") + "::/64"
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
