/** What clients of HTTP/1 are told on a port that speaks HTTP/2. */

const answer = Buffer.from(
  "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" +
    "This port speaks HTTP/2 only, without an upgrade from HTTP/1.\n",
  "latin1"
)

/** The answer to a connection that begins like a request of HTTP/1; `undefined` for any other. @internal */
export const http1Answer = (received: Uint8Array): Buffer | undefined => {
  const text = Buffer.from(received.buffer, received.byteOffset, received.byteLength).toString("latin1")
  return /^(?:GET|PUT|HEAD|POST|OPTIONS|DELETE) /.test(text) ? answer : undefined
}
