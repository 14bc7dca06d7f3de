/** A web server of plain files on the loopback address, as bad as a test wants it. */
import { Effect, type Scope } from "effect"
import { once } from "node:events"
import { createReadStream, statSync } from "node:fs"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"

export interface WebServer {
  readonly url: string
  /** Paths that were asked for, with the authorization that came along. */
  readonly log: Array<{ readonly path: string; readonly authorization: string | undefined }>
  /** Answers in place of the files; `true` where it did. */
  hook: ((path: string, request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  /** Most answers that were on their way at once. */
  most: number
  /** Takes no connections any more, and breaks those there are. */
  readonly stop: Effect.Effect<void>
}

/** Listens until the scope closes. */
export const listen = (listener: RequestListener): Effect.Effect<
  { readonly url: string; readonly stop: Effect.Effect<void> },
  never,
  Scope.Scope
> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(listener).listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as AddressInfo
      return {
        url: `http://127.0.0.1:${port}`,
        stop: Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
      }
    }),
    ({ stop }) => stop
  )

/** Serves a folder. */
export const serve = (folder: string): Effect.Effect<WebServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    let running = 0
    const { stop, url } = yield* listen((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, "http://host").pathname)
      server.log.push({ path, authorization: request.headers.authorization })
      running++
      server.most = Math.max(server.most, running)
      response.on("close", () => running--)
      if (server.hook?.(path, request, response) === true) return
      const file = join(folder, path)
      const size = statSync(file, { throwIfNoEntry: false })?.size
      if (size === undefined) response.writeHead(404).end()
      else createReadStream(file).pipe(response.writeHead(200, { "content-length": size }))
    })
    const server: WebServer = { url, log: [], hook: undefined, most: 0, stop }
    return server
  })
