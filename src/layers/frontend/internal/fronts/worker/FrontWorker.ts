/** The thread of a front: listens, and serves what it accepts. */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { parentPort, workerData } from "node:worker_threads"
import type { FrontStart } from "../FrontStart.ts"
import type { FromFront } from "../Records.ts"
import { Seats } from "../Seats.ts"
import { Connections } from "./Connections.ts"

const start = workerData as FrontStart
const port = parentPort!

const say = (message: FromFront): void => port.postMessage(message)

const server = createServer({ allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: 60_000, noDelay: true })

const refused = (error: NodeJS.ErrnoException): void =>
  say({ _tag: "Refused", code: error.code ?? "", message: error.message })

let retired = false

const listen = (): void => {
  server.once("error", refused)
  server.listen({ host: start.address, port: start.port, reusePort: true }, () => {
    server.off("error", refused)
    // It may have been asked to stop before it could listen.
    if (retired) return void server.close()
    const { address, port } = server.address() as AddressInfo
    say({ _tag: "Listening", address, port })
  })
}

const connections = new Connections({
  http: start.http,
  up: start.up,
  down: start.down,
  port,
  seats: new Seats(start.seats, start.maxConnections, start.index),
  onListen: listen,
  onRetire: () => {
    retired = true
    server.close()
  }
})
server.on("connection", (socket) => connections.accept(socket))

if (start.listens) listen()
else say({ _tag: "Spare" })
