/**
 * What a transport says of the connection of a request, as headers that no client can send: they begin with a colon and come last, so
 * that they win over those of the message.
 */

const credentials: ReadonlySet<string> = new Set(["authorization", "x-api-key"])

type Fields = ReadonlyArray<readonly [string, string]>

/**
 * Headers of a request: those of its connection, those of its message, which win, and those that `said` has. A message that brings a
 * key of its own is not answered by that of the connection, in whichever of the two headers either stands.
 *
 * @internal
 */
export const merged = (connection: Fields, message: Fields, said: Fields): Array<[string, string]> => {
  const own = message.some(([name]) => credentials.has(name.toLowerCase()))
  const list: Array<[string, string]> = []
  for (const [name, value] of connection) if (!own || !credentials.has(name.toLowerCase())) list.push([name, value])
  for (const [name, value] of message) list.push([name, value])
  for (const [name, value] of said) list.push([name, value])
  return list
}

/** The address at the other end. @internal */
export const peerHeader = ":peer"

/** `X-Forwarded-For` of the HTTP request, whatever the message in it says. @internal */
export const forwardedHeader = ":forwarded-for"

/** @internal */
export const headersOf = (
  peer: string | undefined,
  forwardedFor: string | undefined
): ReadonlyArray<[string, string]> => [
  [peerHeader, peer ?? ""],
  [forwardedHeader, forwardedFor ?? ""]
]
