/** Starts the command line as a process of its own, as a user would, and waits for what it prints. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { listening, serveWords, Transcript } from "./Transcript.ts"

const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url))

/** Where Node keeps what it has compiled, its own choice of folder: that halves the time of a start. */
const compiled = join(tmpdir(), "node-compile-cache")

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

export interface Child {
  readonly process: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Effect.Effect<Ended>
  /** Waits until the process has printed this; the match. Dies when it ends before. */
  readonly printed: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
}

/** A process of `node src/main.ts WORDS`, or of another program, killed when the scope closes. */
export const start = (
  words: ReadonlyArray<string>,
  options: { readonly variables?: Readonly<Record<string, string>>; readonly program?: ReadonlyArray<string> } = {}
): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function*() {
    const [program, ...before] = options.program ?? [process.execPath, main]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(program!, [...before, ...words], {
          env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: compiled, ...options.variables },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const transcript = new Transcript<Ended>()
    child.stdout.setEncoding("utf8").on("data", (text: string) => transcript.add("out", text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => transcript.add("err", text))
    child.on("close", (code, signal) => transcript.close({ code, signal }))
    const { ended, err, out, printed } = transcript
    return { process: child, out, err, ended, printed }
  })

/** Runs a command to its end. */
export const run = (words: ReadonlyArray<string>, options: Parameters<typeof start>[1] = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const child = yield* start(words, options)
    const { code } = yield* child.ended
    return { code, out: child.out(), err: child.err() }
  }))

/** Starts a server on a free port and waits until it listens. */
export const serve = (words: ReadonlyArray<string>, options: Parameters<typeof start>[1] = {}) =>
  Effect.gen(function*() {
    const child = yield* start([...serveWords, ...words], options)
    return { ...child, url: yield* listening(child) }
  })

/**
 * A port of the loopback address that was free a moment ago, below those that systems give to connections and to who asks
 * for any port: nobody gets it meanwhile.
 */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const look = () => {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const probe = createServer()
    probe.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") look()
      else resume(Effect.die(error))
    })
    probe.listen(port, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(port))))
  }
  look()
})

/** Whether a server answers. */
export const isLive = (url: string): Effect.Effect<boolean> =>
  Effect.promise(() => fetch(`${url}/v2/health/live`).then(({ status }) => status === 200, () => false))

/**
 * A connection that has sent the head of a request to a path, and the first of its 1000 bytes. The server has asked for
 * the rest, so that it knows of the request.
 */
export const halfSent = (url: string, path: string): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { hostname, port } = new URL(url)
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect(Number(port), hostname)),
      (opened) => Effect.sync(() => opened.destroy())
    )
    socket.on("error", () => {})
    socket.setEncoding("utf8")
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n`)
    yield* Effect.callback<void>((resume) => {
      socket.once("data", (said: string) => {
        resume(
          said === "HTTP/1.1 100 Continue\r\n\r\n" ? Effect.void : Effect.die(new Error(`the server said: ${said}`))
        )
      })
    })
    socket.write("{")
    return socket
  })

/** Status and text of an answer. */
export const ask = (
  url: string,
  init?: RequestInit
): Effect.Effect<{ readonly status: number; readonly text: string }> =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, text: await response.text() }
  })

export type Files = { readonly [name: string]: string | Uint8Array | Files }

/** Writes files into a folder. */
export const write = (folder: string, files: Files): void => {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === "string" || content instanceof Uint8Array) writeFileSync(join(folder, name), content)
    else write(join(folder, name), content)
  }
}

/** A new folder with these files, removed when the scope closes. */
export const folder = (files: Files): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "galatea-cli-"))
      write(path, files)
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
