/**
 * The same as `grpcEcho.ts` on `node:http2`: reads the whole message and answers a fixed one.
 *
 * Usage: node http2Echo.ts <response bytes>; prints the port it listens on.
 */
import { createServer } from "node:http2"

const body = Buffer.alloc(5 + Number(process.argv[2] ?? 0), 32)
body[0] = 0
body.writeUInt32BE(body.length - 5, 1)

const head = { ":status": 200, "content-type": "application/grpc" }

const server = createServer({
  settings: { initialWindowSize: 1024 * 1024, maxFrameSize: 1024 * 1024, maxConcurrentStreams: 1024 }
})
server.on("session", (session) => {
  session.setLocalWindowSize(16 * 1024 * 1024)
  session.on("error", () => {})
})
server.on("stream", (stream) => {
  const chunks: Array<Buffer> = []
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  stream.on("error", () => {})
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
  stream.on("end", () => {
    Buffer.concat(chunks)
    if (stream.destroyed) return
    stream.respond(head, { waitForTrailers: true })
    stream.end(body)
  })
})
server.listen(Number(process.argv[3] ?? 0), "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`)
})
