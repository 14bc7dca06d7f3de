/**
 * Access as the options of the server say: API keys of a file, and bounds on what each client sends.
 *
 * Upstream: the front ends. Downstream: the file, and Redis where the counters are there.
 */
import { Clock, Config, Duration, Effect, Layer, Redacted, type Scope } from "effect"
import type { Quota, Rate } from "../../schema/ApiKeys.ts"
import type { AccessFailed } from "../../schema/Errors.ts"
import { Access, type AccessState } from "../../services/Access.ts"
import * as RedisConnection from "../RedisConnection.ts"
import { ClientAddress, type Range } from "./internal/ClientAddress.ts"
import { Gate } from "./internal/Gate.ts"
import { Limits } from "./internal/Limits.ts"
import { LocalLimits } from "./internal/LocalLimits.ts"
import * as RedisLimits from "./internal/RedisLimits.ts"
import * as WatchedKeys from "./internal/WatchedKeys.ts"

/** Counters that several servers share. @category models */
export interface RedisOptions {
  readonly host: string
  readonly port: number
  /** `""`: that of the environment, or Redis' default user. */
  readonly user: string
  /** `""`: that of the environment, or none. */
  readonly password: string
  readonly db: number
  readonly tls: boolean
  /** How long a request waits for an answer of Redis. Default: 50 milliseconds. */
  readonly timeout?: Duration.Input
}

/** @category models */
export interface Options {
  /** File of API keys. Default: none, and nobody needs a key. */
  readonly keysFile?: string | undefined
  /** How often the file is looked at. Default: 2 seconds. */
  readonly keysPoll?: Duration.Input
  /** Probes of health need a key too. Default: `false`. */
  readonly guardsProbes?: boolean
  /** Bounds of every client that has none of its own. Default: none. */
  readonly rate?: Rate | undefined
  readonly quota?: Quota | undefined
  /** Clients whose counters are kept in memory. Default: 65536. */
  readonly maxClients?: number
  /** Proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly trustedProxies?: ReadonlyArray<Range>
  /** Default: the counters are in this process. */
  readonly redis?: RedisOptions | undefined
  /** Requests go on while Redis cannot be asked. Default: `true`. */
  readonly failsOpen?: boolean
}

/** The environment, which nobody sees in a list of processes, may name user and password. */
const openRedis = Effect.fnUntraced(function*({ db, host, password, port, timeout, tls, user }: RedisOptions) {
  const userOf = Config.withDefault(Config.String("GALATEA_LIMIT_REDIS_USERNAME"), "")
  const passwordOf = Config.withDefault(Config.Redacted("GALATEA_LIMIT_REDIS_PASSWORD"), Redacted.make(""))
  return yield* RedisLimits.make({
    open: RedisConnection.open({
      host,
      port,
      user: user === "" ? yield* Effect.orDie(userOf) : user,
      password: password === "" ? yield* Effect.orDie(passwordOf) : Redacted.make(password),
      db,
      tls,
      caCert: "",
      cert: "",
      key: "",
      serverName: "",
      connectTimeout: 2000
    }),
    name: `${host}:${port}`,
    prefix: "galatea:limit:",
    timeout: Duration.toMillis(timeout ?? "50 millis"),
    maxRetryDelay: 5000
  })
})

const make = Effect.fn("ConfiguredAccess.make")(function*(
  options: Options
): Effect.fn.Return<AccessState | undefined, AccessFailed, Scope.Scope> {
  const { keysFile = "", quota, rate } = options
  const clock = yield* Clock.Clock
  const keys = keysFile === ""
    ? undefined
    : yield* WatchedKeys.make(keysFile, Duration.toMillis(options.keysPoll ?? "2 seconds"))
  // Keys may have bounds of their own.
  const limited = keys !== undefined || rate !== undefined || quota !== undefined
  if (!limited) return undefined
  return new Gate({
    keys,
    addresses: new ClientAddress(options.trustedProxies ?? []),
    limits: new Limits({
      rate,
      quota,
      local: new LocalLimits(
        options.maxClients ?? 65_536,
        () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      ),
      redis: options.redis === undefined ? undefined : yield* openRedis(options.redis),
      failsOpen: options.failsOpen ?? true
    }),
    guardsProbes: options.guardsProbes ?? false,
    nowMillis: () => clock.currentTimeMillisUnsafe()
  })
})

/**
 * Without a file of keys and without bounds, everybody may do everything, and nothing is asked.
 *
 * Errors: `AccessFailed` where the file cannot be used.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, AccessFailed> => Layer.effect(Access, make(options))
