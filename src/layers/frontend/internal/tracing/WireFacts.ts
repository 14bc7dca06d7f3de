/**
 * What spans say of connections and of what came over them. Source: OpenTelemetry semantic conventions 1.45, "HTTP spans" and "RPC
 * spans".
 */

type Attribute = readonly [name: string, value: string | number | boolean]

/** A connection, as a socket of Node tells of it. @internal */
export interface Wire {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/**
 * Both ends of a connection. `authority`: the server as the client named it, `‹host›:‹port›`; without it, the address that was
 * connected to. Headers of proxies are not believed.
 *
 * @internal
 */
export const ofWire = (wire: Wire, authority: string | undefined): ReadonlyArray<Attribute> => {
  const { localAddress, localPort, remoteAddress, remotePort } = wire
  const named = authority === undefined || authority === "" ? undefined : /^(.*?)(?::(\d{1,5}))?$/s.exec(authority)
  const host = named?.[1] === undefined || named[1] === "" ? localAddress : named[1].replace(/^\[(.*)\]$/, "$1")
  const port = named?.[2] === undefined ? localPort : Number(named[2])
  const attributes: Array<Attribute> = [["network.transport", "tcp"]]
  if (host !== undefined) attributes.push(["server.address", host])
  if (port !== undefined) attributes.push(["server.port", port])
  if (remoteAddress !== undefined) {
    attributes.push(["client.address", remoteAddress], ["network.peer.address", remoteAddress])
  }
  if (remotePort !== undefined) attributes.push(["client.port", remotePort], ["network.peer.port", remotePort])
  return attributes
}
