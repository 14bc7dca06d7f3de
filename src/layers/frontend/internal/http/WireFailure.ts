/** What node:http reports when it cannot read a request, as status and text. Source: protocol §2.2, §4.2. */

interface ParserError extends Error {
  readonly code?: string
  readonly reason?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

/** `undefined`: the connection itself broke, and there is nobody to answer. @internal */
export const wireFailure = (error: ParserError): { readonly status: number; readonly message: string } | undefined => {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, message: "The head of the request is too large. Send fewer or shorter headers." }
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { status: 413, message: "The chunk extensions of the request are too large. Send none." }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, message: "The request did not arrive in time. Send its head and its body without pauses." }
    case "HPE_INVALID_CONTENT_LENGTH":
    case "HPE_UNEXPECTED_CONTENT_LENGTH":
      return { status: 400, message: `Unable to parse Content-Length, got: ${contentLength(error)}` }
    case "HPE_INVALID_EOF_STATE":
      return {
        status: 400,
        message: "The connection ended before the request was complete: its body is shorter than announced."
      }
    default:
      return error.code?.startsWith("HPE_") === true
        ? { status: 400, message: `The bytes received are no HTTP request: ${error.reason ?? error.message}` }
        : undefined
  }
}

const name = "content-length:"

/** The last Content-Length before the place where parsing stopped. */
const contentLength = (error: ParserError): string => {
  const packet = error.rawPacket ?? Buffer.alloc(0)
  const text = packet.toString("latin1")
  const start = text.toLowerCase().lastIndexOf(name, error.bytesParsed ?? text.length)
  return start === -1 ? "" : /^[^\r\n]{0,64}/.exec(text.slice(start + name.length))![0].trim()
}
