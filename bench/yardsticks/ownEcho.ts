/**
 * The same as `echo.ts` on the server's own transport of HTTP/1.1: reads the whole body and answers a fixed one.
 *
 * Usage: node ownEcho.ts <response bytes> <content type>; prints the port it listens on.
 */
import { createServer } from "node:net"
import type { InProgress } from "../../src/layers/frontend/internal/http/Wire.ts"
import { Http1Connections } from "../../src/layers/frontend/internal/http1/Http1Connections.ts"
import type { Http1Request } from "../../src/layers/frontend/internal/http1/Http1Request.ts"
import type { Http1Response } from "../../src/layers/frontend/internal/http1/Http1Response.ts"

const body = Buffer.alloc(Number(process.argv[2] ?? 0), 32)
const headers = ["Content-Type", process.argv[3] ?? "application/octet-stream", "Content-Length", String(body.length)]

const minutes = 60_000

/** The least that a transport asks of a call. */
class Call implements InProgress {
  readonly request: Http1Request
  readonly response: Http1Response
  receiving = true
  running = false

  constructor(request: Http1Request, response: Http1Response) {
    this.request = request
    this.response = response
  }

  guard(step: () => void): void {
    step()
  }

  error(): void {}
  exiting(): void {}
  close(): void {}
  finish(): void {}
  abort(): void {}

  answer(): void {
    this.receiving = false
    this.response.writeHead(200, headers)
    this.response.endParts([body], body.length)
  }
}

const connections = new Http1Connections({
  maxHeaderSize: 16_384,
  maxPipelined: 16,
  headerTimeout: minutes,
  bodyTimeout: minutes,
  requestTimeout: minutes,
  idleTimeout: minutes,
  awake: 0.05
}, {
  onRequest: (request, response) => {
    const call = new Call(request, response)
    response.belongTo(call)
    if (request.takeWhole() !== undefined) return call.answer()
    const memory = new Uint8Array(new SharedArrayBuffer(Number(request.headers["content-length"])))
    request.fill(() => memory, () => call.answer())
  },
  onLeave: ({ socket }) => void socket.destroy(),
  onClose: () => {},
  onDefect: (thrown) => {
    throw thrown
  }
})

const server = createServer({ noDelay: true }, (socket) => connections.accept(socket))
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`)
})
