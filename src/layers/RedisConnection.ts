/** One connection to Redis, by the client of the Redis project, which is loaded by those alone who ask for it. */
import { Effect, Redacted, Schema, type Scope } from "effect"
import { readFile } from "node:fs/promises"
import { isIP } from "node:net"

/** @category models */
export interface Address {
  readonly host: string
  readonly port: number
  /** `""`: Redis' default user. */
  readonly user: string
  /** `""`: none. */
  readonly password: Redacted.Redacted
  readonly db: number
  readonly tls: boolean
  /** Files in PEM; `""`: the system's authorities, and no certificate of the client. */
  readonly caCert: string
  readonly cert: string
  readonly key: string
  /** `""`: the host. */
  readonly serverName: string
  /** Milliseconds. */
  readonly connectTimeout: number
}

/** Redis cannot be reached, or is reached no more. @category errors */
export class RedisLost extends Schema.TaggedError<RedisLost>()("RedisLost", { message: Schema.String }) {}

/** @category models */
export interface RedisConnection {
  /** Bytes of a value from the first on, `limit` at most; none where there is no such value. */
  readonly get: (name: string, limit: number) => Promise<Buffer>
  /** Resolves once Redis has it. `ttl`: milliseconds until it forgets it; 0: never. */
  readonly set: (name: string, value: Buffer, ttl: number) => Promise<void>
  /** The answer to any command; texts in it are bytes. */
  readonly command: (words: ReadonlyArray<string>) => Promise<unknown>
  /** Fails when the connection is over. */
  readonly lost: Effect.Effect<never, RedisLost>
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
const lostBy = (cause: unknown) => new RedisLost({ message: messageOf(cause) })

const read = (file: string): Effect.Effect<string | undefined, RedisLost> =>
  file === ""
    ? Effect.succeed(undefined)
    : Effect.tryPromise({ try: () => readFile(file, "utf8"), catch: (cause) => lostBy(cause) })

/** Files are read anew each time: certificates change. */
const tlsOptions = Effect.fnUntraced(function*(address: Address) {
  const [ca, cert, key] = yield* Effect.all([read(address.caCert), read(address.cert), read(address.key)])
  // An address is no name that could be asked for.
  const name = address.serverName !== "" ? address.serverName : isIP(address.host) === 0 ? address.host : undefined
  return {
    tls: true as const,
    ...(name === undefined ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key })
  }
})

/** Connects, within `connectTimeout`. The scope ends the connection, and fails what it still owes. @category constructors */
export const open = Effect.fnUntraced(
  function*(address: Address): Effect.fn.Return<RedisConnection, RedisLost, Scope.Scope> {
    const { createClient, RESP_TYPES } = yield* Effect.promise(() => import("@redis/client"))
    const { connectTimeout, db, host, port, user } = address
    const password = Redacted.value(address.password)
    const tls = address.tls ? yield* tlsOptions(address) : {}
    let ended: RedisLost | undefined = undefined
    let onEnd: ((lost: RedisLost) => void) | undefined = undefined
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const made = createClient({
          socket: { host, port, connectTimeout, reconnectStrategy: false, ...tls },
          ...(user === "" ? {} : { username: user }),
          ...(password === "" ? {} : { password }),
          database: db,
          RESP: 2,
          disableOfflineQueue: true,
          commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }
        })
        // Without a listener an error would end the process. It is told of by the end of the connection.
        made.on("error", () => {})
        made.on("terminated", (cause: unknown) => {
          ended = lostBy(cause)
          onEnd?.(ended)
        })
        return made
      }),
      (made) =>
        Effect.sync(() => {
          if (made.isOpen) made.destroy()
        })
    )
    // A server that accepts connections and does nothing else is not there.
    const connect = () => client.connect().then(() => client.sendCommand(["PING"]))
    yield* Effect.tryPromise({ try: connect, catch: (cause) => lostBy(cause) }).pipe(
      Effect.timeoutOrElse({
        duration: connectTimeout,
        orElse: () => Effect.fail(lostBy(new Error(`no answer within ${connectTimeout} ms`)))
      })
    )
    return {
      get: (name, limit) => client.sendCommand<Buffer>(["GETRANGE", name, "0", String(limit - 1)]),
      set: (name, value, ttl) =>
        client.sendCommand(["SET", name, value, ...(ttl === 0 ? [] : ["PX", String(ttl)])]).then(() => undefined),
      command: (words) => client.sendCommand([...words]),
      lost: Effect.callback((resume) => {
        if (ended !== undefined) return resume(Effect.fail(ended))
        onEnd = (lost) => resume(Effect.fail(lost))
      })
    }
  }
)
