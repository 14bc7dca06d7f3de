/**
 * What idle connections cost: the resident memory of the server before and after a number of them were opened, each of which asked once
 * and was answered, by HTTP/1.1 and HTTP/2, in the clear and over TLS.
 *
 * Usage: node bench/idle.ts [connections]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectSecurely } from "node:tls"
import { authority, signed } from "../test/fixtures/Certificates.ts"
import { start } from "./server.ts"

const connections = Number(process.argv[2] ?? 5000)

/** Opened at a time, so that the queue of the port takes them. */
const together = 100

/** Goal for so many connections. */
const goal = { connections: 5000, megabytes: 100 }

const request1 = "GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"

/** The beginning of HTTP/2 and one request, its fields from the static table where they stand there. */
const request2 = (scheme: "http" | "https"): Buffer => {
  const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value)])
  const fields = Buffer.concat([
    Buffer.from([0x82, scheme === "http" ? 0x86 : 0x87, 0x04]),
    text("/v2/health/ready"),
    Buffer.from([0x01]),
    text("localhost")
  ])
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0, fields.length, 1, 5, 0, 0, 0, 1]),
    fields
  ])
}

interface Kind {
  readonly name: string
  readonly secure: boolean
  readonly protocol: "http/1.1" | "h2"
}

const kinds: ReadonlyArray<Kind> = [
  { name: "HTTP/1.1", secure: false, protocol: "http/1.1" },
  { name: "HTTP/2", secure: false, protocol: "h2" },
  { name: "HTTP/1.1 over TLS", secure: true, protocol: "http/1.1" },
  { name: "HTTP/2 over TLS", secure: true, protocol: "h2" }
]

/** HTTP/1.1 answers with a status line; of HTTP/2 the frame of the answer's fields, whose first is `:status: 200`. */
const isAnswered = (received: Buffer, { protocol }: Kind): boolean =>
  protocol === "http/1.1" ? received.includes("HTTP/1.1 200 OK") : received.includes(Buffer.from([0x88]))

const root = authority("bench")
const identity = signed("localhost", "bench", root)

/** A connection that was answered once. */
const open = (kind: Kind, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = kind.secure
      ? connectSecurely({ host: "127.0.0.1", port, ca: root.cert, ALPNProtocols: [kind.protocol] })
      : connect(port, "127.0.0.1")
    let received = Buffer.alloc(0)
    socket.on(kind.secure ? "secureConnect" : "connect", () => {
      socket.write(kind.protocol === "h2" ? request2(kind.secure ? "https" : "http") : request1)
    })
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (isAnswered(received, kind)) resolve(socket)
    })
    socket.on("error", reject)
    socket.on("close", () => reject(new Error("the server closed a connection")))
  })

const openAll = async (kind: Kind, port: number, count: number): Promise<ReadonlyArray<Socket>> => {
  const sockets: Array<Socket> = []
  while (sockets.length < count) {
    const next = Array.from({ length: Math.min(together, count - sockets.length) }, () => open(kind, port))
    sockets.push(...await Promise.all(next))
  }
  return sockets
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5000))

const measure = async (kind: Kind, folder: string): Promise<number> => {
  const flags = kind.secure
    ? [
      "--http-use-ssl=true",
      `--http-server-cert=${join(folder, "cert.pem")}`,
      `--http-server-key=${join(folder, "key.pem")}`
    ]
    : []
  const server = await start(
    join(folder, "models"),
    [...flags, "--http-idle-timeout-ms=600000"],
    kind.secure ? { authority: root.cert } : {}
  )
  try {
    // Code is compiled, and the heap has what it needs, before the first look.
    for (const socket of await openAll(kind, server.port, 500)) socket.destroy()
    await settled()
    const before = server.rss()
    const sockets = await openAll(kind, server.port, connections)
    await settled()
    const grown = server.rss() - before
    for (const socket of sockets) socket.destroy()
    return grown
  } finally {
    await server.stop()
  }
}

const folder = mkdtempSync(join(tmpdir(), "galatea-idle-"))
try {
  writeFileSync(join(folder, "cert.pem"), identity.cert)
  writeFileSync(join(folder, "key.pem"), identity.key)
  mkdirSync(join(folder, "models"))
  process.stdout.write(`| ${connections} idle connections | memory | each |\n| --- | --- | --- |\n`)
  for (const kind of kinds) {
    const megabytes = await measure(kind, folder)
    const each = (megabytes * 1000 / connections).toFixed(1)
    process.stdout.write(`| ${kind.name} | ${megabytes.toFixed(1)} MB | ${each} kB |\n`)
    const { connections: counted, megabytes: most } = goal
    if (kind === kinds[0] && megabytes > most * connections / counted) process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
