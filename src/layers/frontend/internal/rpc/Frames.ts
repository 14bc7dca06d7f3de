/** Looks at a body of binary frames without reading them: each is a length, seven bits to a byte, and as many bytes. */

/** Whether the body ends where its last frame does. @internal */
export const areComplete = (body: Uint8Array): boolean => {
  let at = 0
  while (at < body.length) {
    let length = 0
    let scale = 1
    let byte = 0x80
    while ((byte & 0x80) !== 0) {
      // A length beyond 2^53 is no frame of any body.
      if (at === body.length || scale > 2 ** 42) return false
      byte = body[at++]!
      length += (byte & 0x7f) * scale
      scale *= 128
    }
    at += length
  }
  return at === body.length
}
