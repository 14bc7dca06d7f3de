/** The ways that HTTP travels, through the clients of node. */
import { Effect, type Scope } from "effect"
import { connect, constants } from "node:http2"
import { Agent, request } from "node:https"
import { join } from "node:path"
import type { TlsOptions } from "../../../src/layers/frontend/Tls.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Child from "../../integration/cli/Child.ts"

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

export interface Sending {
  readonly method?: "GET" | "POST"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

/** Sends a request and gives its answer; the signal takes it back. */
export type Transport = (path: string, sending: Sending, signal: AbortSignal) => Promise<Reply>

export type Way = "HTTP/1.1" | "HTTP/2" | "HTTPS" | "HTTP/2 over TLS"

const authority = Certificates.authority("doors")
const identity = Certificates.signed("server", "doors", authority)

/** What the front end needs for it. */
export const transportOptions = (way: Way): Effect.Effect<{ readonly tls?: TlsOptions }, never, Scope.Scope> =>
  way === "HTTPS" || way === "HTTP/2 over TLS"
    ? Effect.map(
      Child.folder({ "server.pem": identity.cert, "server.key": identity.key }),
      (folder) => ({ tls: { certificate: join(folder, "server.pem"), key: join(folder, "server.key") } })
    )
    : Effect.succeed({})

const fetched = (port: number): Transport => async (path, sending, signal) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...sending, signal })
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) }
}

const secure = (port: number, agent: Agent): Transport => (path, { body, headers, method }, signal) =>
  new Promise((resolve, reject) => {
    const sent = request(`https://localhost:${port}${path}`, {
      agent,
      signal,
      ca: authority.cert,
      ...(method === undefined ? {} : { method }),
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) }
    }, (response) => {
      const chunks: Array<Uint8Array> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", reject)
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          headers: new Headers(response.headers as Record<string, string>),
          bytes: Buffer.concat(chunks)
        }))
    })
    sent.on("error", reject)
    sent.end(body)
  })

const streams = (origin: string): Effect.Effect<Transport, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => connect(origin, { ca: authority.cert })),
      (session) => Effect.sync(() => session.destroy())
    ),
    (session) => (path, { body, headers, method = "GET" }, signal) =>
      new Promise((resolve, reject) => {
        const lower = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])
        const stream = session.request({ ":method": method, ":path": path, ...Object.fromEntries(lower) })
        let answer: Readonly<Record<string, unknown>> = {}
        const chunks: Array<Uint8Array> = []
        signal.addEventListener("abort", () => stream.close(constants.NGHTTP2_CANCEL))
        stream.on("response", (got) => {
          answer = got
        })
        stream.on("data", (chunk: Buffer) => chunks.push(chunk))
        stream.on("error", reject)
        stream.on("end", () => {
          const fields = Object.entries(answer).filter(([name]) => !name.startsWith(":"))
          resolve({
            status: Number(answer[":status"]),
            headers: new Headers(fields.map(([name, value]): [string, string] => [name, String(value)])),
            bytes: Buffer.concat(chunks)
          })
        })
        stream.end(body)
      })
  )

/** To a front end on this port, until the scope closes. */
export const transport = (way: Way, port: number): Effect.Effect<Transport, never, Scope.Scope> => {
  switch (way) {
    case "HTTP/1.1":
      return Effect.succeed(fetched(port))
    case "HTTPS":
      return Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ keepAlive: true })),
          (agent) => Effect.sync(() => agent.destroy())
        ),
        (agent) => secure(port, agent)
      )
    default:
      return streams(`${way === "HTTP/2" ? "http" : "https"}://localhost:${port}`)
  }
}
