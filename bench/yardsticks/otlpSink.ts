/**
 * A collector that throws away what it gets: OTLP over HTTP.
 *
 * Usage: node otlpSink.ts; prints the port it listens on. `GET /` answers how many bodies and bytes have come.
 */
import { createServer } from "node:http"

let bodies = 0
let bytes = 0

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end(JSON.stringify({ bodies, bytes }))
    return
  }
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on("end", () => {
    bodies++
    response.writeHead(200, { "Content-Type": "application/x-protobuf", "Content-Length": "0" })
    response.end()
  })
})
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : ""}\n`)
})
