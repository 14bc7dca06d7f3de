/**
 * The yardstick of HTTP figures: a bare `node:http` server that reads the whole body and answers a fixed one.
 *
 * Usage: node echo.ts <response bytes> <content type>; prints the port it listens on.
 */
import { createServer } from "node:http"

const body = Buffer.alloc(Number(process.argv[2] ?? 0), 32)
const headers = { "Content-Type": process.argv[3] ?? "application/octet-stream", "Content-Length": String(body.length) }

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    Buffer.concat(chunks)
    response.writeHead(200, headers)
    response.end(body)
  })
})
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`)
})
