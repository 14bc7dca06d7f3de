/**
 * What a transport says of the connection of a request, as headers that no client can send: they begin with a colon and come last, so
 * that they win over those of the message.
 */

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
