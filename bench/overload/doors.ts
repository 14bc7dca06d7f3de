/** Two ways to a server, which send one request each time that they are told to, over as many connections as it takes. */
import { Agent, request } from "node:http"
import { type ClientHttp2Session, connect } from "node:http2"

/** What became of a request. `refused`: at once or later, with words that another try may help. */
export type Outcome = "answered" | "refused" | "late" | "broken"

export interface Target {
  readonly door: "http" | "grpc"
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Connections at most. */
  readonly connections: number
}

export interface Door {
  readonly send: (done: (outcome: Outcome) => void) => void
  readonly close: () => void
}

const byStatus: Readonly<Record<number, Outcome>> = { 200: "answered", 503: "refused", 504: "late" }

const http = (target: Target): Door => {
  const agent = new Agent({ keepAlive: true, maxSockets: target.connections, scheduling: "lifo" })
  const headers = { ...target.headers, "content-length": String(target.body.byteLength) }
  return {
    send: (done) => {
      const sent = request({ host: "127.0.0.1", port: target.port, path: target.path, method: "POST", headers, agent })
      sent.on("response", (response) => {
        response.resume()
        response.on("end", () => done(byStatus[response.statusCode ?? 0] ?? "broken"))
        response.on("error", () => done("broken"))
      })
      sent.on("error", () => done("broken"))
      sent.end(target.body)
    },
    close: () => agent.destroy()
  }
}

const byGrpcStatus: Readonly<Record<string, Outcome>> = { 0: "answered", 14: "refused", 4: "late" }

/** Calls that a connection carries at a time before the next one is used. */
const streams = 64

const grpc = (target: Target): Door => {
  const sessions: Array<{ readonly session: ClientHttp2Session; open: number }> = []
  const lend = () => {
    const free = sessions.find(({ open }) => open < streams)
    if (free !== undefined || sessions.length >= target.connections) {
      return free ?? sessions.reduce((least, one) => one.open < least.open ? one : least)
    }
    const one = { session: connect(`http://127.0.0.1:${target.port}`), open: 0 }
    one.session.on("error", () => {})
    sessions.push(one)
    return one
  }
  return {
    send: (done) => {
      const one = lend()
      one.open++
      const stream = one.session.request({
        ":method": "POST",
        ":path": target.path,
        "content-type": "application/grpc",
        te: "trailers",
        ...target.headers
      })
      let status: unknown
      const note = (received: { readonly "grpc-status"?: unknown }) => {
        status ??= received["grpc-status"]
      }
      stream.on("response", note)
      stream.on("trailers", note)
      stream.on("error", () => {})
      stream.on("close", () => {
        one.open--
        done(byGrpcStatus[String(status)] ?? "broken")
      })
      stream.resume()
      stream.end(target.body)
    },
    close: () => {
      for (const { session } of sessions) session.destroy()
    }
  }
}

/** The way to a target. */
export const open = (target: Target): Door => target.door === "http" ? http(target) : grpc(target)
