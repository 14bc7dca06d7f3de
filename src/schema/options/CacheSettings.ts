/** What the settings of `--cache-config` say together. Source: scheduling §7.1. */
import { Result } from "effect"
import type { ValueType } from "./OptionRow.ts"
import { bool, bytes, int, path, port, type ScopedSetting, string } from "./ValueTypes.ts"

/** A cache in the memory of the server. @category models */
export interface LocalSettings {
  /** Bytes. */
  readonly size: number
  /** Seconds that an entry is used; 0: for as long as there is room. */
  readonly ttl: number
}

/** A cache on a Redis server. Times are milliseconds unless they say otherwise. @category models */
export interface RedisSettings {
  readonly host: string
  readonly port: number
  /** `""`: that of the environment, or Redis' default user. */
  readonly user: string
  /** `""`: that of the environment, or none. */
  readonly password: string
  readonly db: number
  readonly tls: boolean
  /** Files in PEM; `""`: the system's authorities, and no certificate of the client. */
  readonly caCert: string
  readonly cert: string
  readonly key: string
  /** Name that the certificate must have; `""`: the host. */
  readonly serverName: string
  readonly connectTimeout: number
  /** How long a request waits for an answer of Redis before it runs. */
  readonly socketTimeout: number
  /** Requests in a row that may wait in vain before the connection is given up. */
  readonly maxTimeouts: number
  /** Longest pause between two tries to connect. */
  readonly maxRetryDelay: number
  /** Seconds until Redis forgets an entry; 0: never. */
  readonly ttl: number
  /** What the names of all entries begin with. */
  readonly keyPrefix: string
  /** Bytes of the largest entry, which holds the request as well. */
  readonly maxValueSize: number
  /** Bytes of entries that may be on their way to Redis at a time. */
  readonly maxPendingSize: number
  /** Commands that Redis may owe an answer to at a time. */
  readonly maxPending: number
}

/** @category models */
export interface CacheSettings {
  /** `undefined`: nothing is kept in the memory of the server. */
  readonly local: LocalSettings | undefined
  /** `undefined`: Redis is not used. */
  readonly redis: RedisSettings | undefined
  /** Requests of one version that may wait for the same request of another caller; beyond it they run. */
  readonly maxFollowers: number
}

const count: ValueType<number> = int({ min: 1 })
const millis: ValueType<number> = int({ min: 1 })
const seconds: ValueType<number> = int({ min: 0 })
const size: ValueType<number> = bytes({ min: 1 })
const answer: ValueType<boolean> = {
  ...bool,
  read: (text) => bool.read(text.toLowerCase() === "yes" ? "true" : text.toLowerCase() === "no" ? "false" : text)
}

type Value = string | number | boolean
type Types = Readonly<Record<string, ValueType<Value>>>

const localTypes = { "size": size, "ttl": seconds, "max-followers": count } satisfies Types

const redisTypes = {
  "host": string,
  "port": port,
  "user": string,
  "password": string,
  "db": int({ min: 0 }),
  "tls": answer,
  "ca-cert": path,
  "cert": path,
  "key": path,
  "server-name": string,
  "connect-timeout": millis,
  "socket-timeout": millis,
  "max-timeouts": count,
  "max-retry-delay": millis,
  "ttl": seconds,
  "key-prefix": string,
  "max-value-size": size,
  "max-pending-size": size,
  "max-pending": count,
  "local-size": size,
  "local-ttl": seconds,
  "max-followers": count
} satisfies Types

const caches: Readonly<Record<string, Types>> = { local: localTypes, redis: redisTypes }

/** Other spellings: those of Triton's cache of the name, and of people. */
const aliases: Readonly<Record<string, string>> = { "username": "user", "tls-enabled": "tls", "cacert": "ca-cert" }

/** Settings of Triton's cache on Redis that mean nothing here: there is one connection, which nobody waits for. */
const withoutEffect: ReadonlySet<string> = new Set(["pool-size", "wait-timeout"])

const nameOf = (key: string): string => {
  const name = key.toLowerCase().replaceAll("_", "-")
  return aliases[name] ?? name
}

interface Setting {
  readonly name: string
  readonly text: string
}

/** One value may carry further settings behind commas, as in `redis,host=a,port=6379`: where a known name and `=` follow. */
const split = ({ key, scope, value }: ScopedSetting): ReadonlyArray<Setting> => {
  const known = (name: string) => caches[scope]?.[nameOf(name)] !== undefined || withoutEffect.has(nameOf(name))
  const settings: Array<{ name: string; text: string }> = [{ name: nameOf(key), text: "" }]
  for (const [i, part] of value.split(",").entries()) {
    const equals = part.indexOf("=")
    const current = settings.at(-1)!
    if (i > 0 && equals > 0 && known(part.slice(0, equals))) {
      settings.push({ name: nameOf(part.slice(0, equals)), text: part.slice(equals + 1) })
    } else current.text += i === 0 ? part : `,${part}`
  }
  return settings
}

/** The last value of each setting, or why one of them cannot be. */
const valuesOf = (
  cache: string,
  types: Types,
  given: ReadonlyArray<ScopedSetting>
): Result.Result<ReadonlyMap<string, Value>, string> => {
  const values = new Map<string, Value>()
  for (const { name, text } of given.flatMap(split)) {
    if (withoutEffect.has(name) && cache === "redis") continue
    const type = types[name]
    if (type === undefined) {
      return Result.fail(
        `The cache '${cache}' has no setting '${name}'.\nExpected some of ${Object.keys(types).join(", ")}.`
      )
    }
    const read = type.read(text)
    if (Result.isFailure(read)) return Result.fail(`${cache},${name}: ${read.failure}`)
    values.set(name, read.success.value)
  }
  return Result.succeed(values)
}

const makeRedis = (values: ReadonlyMap<string, Value>): RedisSettings => {
  const get = <A extends Value>(name: keyof typeof redisTypes, otherwise: A): A =>
    values.has(name) ? values.get(name) as A : otherwise
  return {
    host: get("host", ""),
    port: get("port", 6379),
    user: get("user", ""),
    password: get("password", ""),
    db: get("db", 0),
    tls: get<boolean>("tls", false),
    caCert: get("ca-cert", ""),
    cert: get("cert", ""),
    key: get("key", ""),
    serverName: get("server-name", ""),
    connectTimeout: get("connect-timeout", 2000),
    socketTimeout: get("socket-timeout", 50),
    maxTimeouts: get("max-timeouts", 3),
    maxRetryDelay: get("max-retry-delay", 5000),
    ttl: get("ttl", 86_400),
    keyPrefix: get("key-prefix", "galatea:"),
    maxValueSize: get("max-value-size", 8 * 1024 ** 2),
    maxPendingSize: get("max-pending-size", 64 * 1024 ** 2),
    maxPending: get("max-pending", 1024)
  }
}

const defaultFollowers = 16_384

/**
 * The cache that the settings describe; `undefined` without any. `Failure` is the reason line of a `Bad option` error.
 *
 * @category conversions
 */
export const read = (given: ReadonlyArray<ScopedSetting>): Result.Result<CacheSettings | undefined, string> => {
  const cache = given[0]?.scope
  if (cache === undefined) return Result.succeed(undefined)
  if (given.some(({ scope }) => scope !== cache)) {
    return Result.fail("found multiple cache configurations, but only a single cache is currently supported")
  }
  const types = caches[cache]
  if (types === undefined) return Result.fail(`There is no cache '${cache}'.\nExpected local or redis.`)
  return Result.flatMap(valuesOf(cache, types, given), (values): Result.Result<CacheSettings, string> => {
    const number = (name: string) => values.get(name) as number | undefined
    const maxFollowers = number("max-followers") ?? defaultFollowers
    if (cache === "local") {
      const size = number("size")
      return size === undefined
        ? Result.fail("The cache 'local' needs a size in bytes, e.g. local,size=1048576.")
        : Result.succeed({ local: { size, ttl: number("ttl") ?? 0 }, redis: undefined, maxFollowers })
    }
    const redis = makeRedis(values)
    if (redis.host === "") return Result.fail("The cache 'redis' needs a host, e.g. redis,host=localhost.")
    if ((redis.cert === "") !== (redis.key === "")) {
      return Result.fail("The cache 'redis' needs redis,cert and redis,key together.")
    }
    const size = number("local-size")
    return Result.succeed({
      local: size === undefined ? undefined : { size, ttl: number("local-ttl") ?? 0 },
      redis,
      maxFollowers
    })
  })
}

/** What of the settings is passed over, as the end of a warning. @category value types */
export const warn = (given: ReadonlyArray<ScopedSetting>): string | undefined => {
  const unused = given.flatMap(split).map(({ name }) => name).filter((name) => withoutEffect.has(name))
  return unused.length === 0
    ? undefined
    : `has no effect for '${unused.join("', '")}': there is one connection, and no request waits for it.`
}

/** The cache of the deprecated `--response-cache-byte-size`; `undefined` for 0. @category conversions */
export const ofByteSize = (size: number): CacheSettings | undefined =>
  size === 0 ? undefined : { local: { size, ttl: 0 }, redis: undefined, maxFollowers: defaultFollowers }
