/** Makes a server listen, and says in words why it cannot. */
import { Effect } from "effect"
import type { AddressInfo, Server } from "node:net"
import { ListenFailed } from "../../../schema/Errors.ts"

/** Where a server is to listen. @internal */
export interface Endpoint {
  /** What is served there, as start-up errors name it: `HTTP`. */
  readonly service: string
  readonly address: string
  /** 0: a free one. */
  readonly port: number
  /** Several processes may listen on the same port. */
  readonly reusePort: boolean
}

/** Where a server listens. @internal */
export interface Bound {
  readonly address: string
  readonly port: number
}

/** Listens. The server stays the caller's, who closes it; interruption closes it here. @internal */
export const bind = (server: Server, endpoint: Endpoint): Effect.Effect<Bound, ListenFailed> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException) => resume(Effect.fail(listenFailed(endpoint, error)))
    server.once("error", failed)
    try {
      server.listen({ host: endpoint.address, port: endpoint.port, reusePort: endpoint.reusePort }, () => {
        server.off("error", failed)
        const { address, port } = server.address() as AddressInfo
        resume(Effect.succeed({ address, port }))
      })
    } catch (thrown) {
      failed(thrown as NodeJS.ErrnoException)
    }
    return Effect.sync(() => server.close())
  })

/** Why it cannot listen, in words. @internal */
export const listenFailed = (
  endpoint: Endpoint,
  error: { readonly code?: string | undefined; readonly message: string }
): ListenFailed => {
  const socket = `Socket '${endpoint.address}:${endpoint.port}'`
  const start = `failed to start ${endpoint.service} service`
  switch (error.code) {
    case "EADDRINUSE":
      return new ListenFailed({ code: "UNAVAILABLE", message: `${start}: Unavailable - ${socket} already in use` })
    case "EACCES":
    case "EPERM":
      return new ListenFailed({
        code: "UNAVAILABLE",
        message: `${start}: Unavailable - ${socket} may not be opened by this user; choose a port from 1024 on`
      })
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return new ListenFailed({
        code: "INVALID_ARG",
        message:
          `${start}: Invalid argument - '${endpoint.address}' is no address of this machine; 0.0.0.0 stands for all of them`
      })
    case "ENOTSUP":
      return new ListenFailed({
        code: "UNSUPPORTED",
        message:
          `${start}: Unsupported - this operating system does not let several threads or processes listen on one port; ` +
          "serve with one front end and without sharing the port"
      })
    default:
      return new ListenFailed({ code: "INTERNAL", message: `${start}: Internal - ${socket}: ${error.message}` })
  }
}
