/** A store that speaks S3 on the loopback address, and what tests put into it. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig
} from "@aws-sdk/client-s3"
import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { request as send } from "node:http"
import * as Child from "../cli/Child.ts"
import * as WebServer from "./WebServer.ts"

const python = process.env["GALATEA_PYTHON"] ?? "python3"

/** `true` where there is no such store to be had, which is said aloud. */
export const isAbsent: boolean = (() => {
  const { error, status } = spawnSync(python, ["-c", "import moto.server"])
  if (error === undefined && status === 0) return false
  console.warn(
    `SKIPPED: repositories in S3: ${error === undefined ? `${python} lacks moto` : `${python} cannot be started`}: ` +
      "pip install \"moto[server]==5.1.22\", or set GALATEA_PYTHON"
  )
  return true
})()

/** What the store takes. */
export const credentials = { AWS_ACCESS_KEY_ID: "testing", AWS_SECRET_ACCESS_KEY: "secret-testing" }

export interface Bucket {
  /** `http://127.0.0.1:‹port›`. */
  readonly url: string
  /** `127.0.0.1:‹port›`. */
  readonly host: string
  readonly put: (key: string, body: string | Uint8Array) => Effect.Effect<void>
  readonly remove: (key: string) => Effect.Effect<void>
  /** From now on only known users may do anything. */
  readonly lock: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

/** A client of the store. */
const clientOf = (url: string, config: S3ClientConfig = {}) =>
  new S3Client({
    endpoint: url,
    forcePathStyle: true,
    region: "us-east-1",
    credentials: { accessKeyId: "testing", secretAccessKey: "secret-testing" },
    ...config
  })

/** Starts a store with an empty bucket `models`. */
export const start: Effect.Effect<Bucket, never, Scope.Scope> = Effect.gen(function*() {
  const port = yield* Child.freePort
  const host = `127.0.0.1:${port}`
  const url = `http://${host}`
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  const isUp = Effect.promise(() => fetch(`${url}/moto-api/`).then(({ ok }) => ok, () => false))
  while (!(yield* isUp)) yield* Effect.sleep("50 millis")
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => clientOf(url)),
    (client) => Effect.sync(() => client.destroy())
  )
  yield* Effect.promise(() => client.send(new CreateBucketCommand({ Bucket: "models" })))
  return {
    url,
    host,
    put: (key, body) =>
      Effect.asVoid(
        Effect.promise(() => client.send(new PutObjectCommand({ Bucket: "models", Key: key, Body: Buffer.from(body) })))
      ),
    remove: (key) =>
      Effect.asVoid(Effect.promise(() => client.send(new DeleteObjectCommand({ Bucket: "models", Key: key })))),
    lock: Effect.asVoid(Effect.promise(() => fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: "0" }))),
    stop: Effect.callback((resume) => {
      child.on("close", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
  }
})

/** What came through a proxy. */
export interface Seen {
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

export interface Proxy {
  readonly url: string
  readonly host: string
  readonly log: Array<Seen>
  /** Bytes of the next body of this path that pass, before the connection breaks. */
  breaking: { readonly path: string; readonly after: number; left: number } | undefined
  readonly stop: Effect.Effect<void>
}

/** Stands before the store. */
export const proxy = (bucket: Bucket): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { stop, url } = yield* WebServer.listen((request, response) => {
      const { breaking, log } = made
      const path = decodeURIComponent(new URL(request.url!, url).pathname)
      log.push({ path, headers: request.headers })
      const target = send(
        `${bucket.url}${request.url}`,
        { method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers)
          if (breaking === undefined || breaking.path !== path || breaking.left <= 0) {
            return void answer.pipe(response)
          }
          breaking.left--
          answer.once(
            "data",
            (chunk: Buffer) => response.write(chunk.subarray(0, breaking.after), () => response.destroy())
          )
          return undefined
        }
      )
      target.on("error", () => response.destroy())
      request.pipe(target)
    })
    const made: Proxy = { url, host: url.slice("http://".length), log: [], breaking: undefined, stop }
    return made
  })
