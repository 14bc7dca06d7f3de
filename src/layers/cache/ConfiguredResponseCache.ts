/** The response cache that the options of the server describe. */
import { Config, Duration, Effect, Layer, Redacted } from "effect"
import type { CacheSettings, RedisSettings } from "../../schema/options/CacheSettings.ts"
import * as LocalResponseCache from "./LocalResponseCache.ts"
import * as RedisResponseCache from "./RedisResponseCache.ts"

/** Seconds of a setting for which 0 says for ever. */
const lifetime = (seconds: number): Duration.Duration => seconds === 0 ? Duration.infinity : Duration.seconds(seconds)

/** As Triton's cache on Redis: the environment, which nobody sees in a list of processes, may name user and password. */
const credentials = Effect.fnUntraced(function*({ password, user }: RedisSettings) {
  const userOf = Config.withDefault(Config.String("TRITONCACHE_REDIS_USERNAME"), "")
  const passwordOf = Config.withDefault(Config.Redacted("TRITONCACHE_REDIS_PASSWORD"), Redacted.make(""))
  return {
    user: user === "" ? yield* Effect.orDie(userOf) : user,
    password: password === "" ? yield* Effect.orDie(passwordOf) : Redacted.make(password)
  }
})

const redisLayer = (redis: RedisSettings, { local, maxFollowers }: CacheSettings) =>
  Layer.unwrap(Effect.map(credentials(redis), (known) =>
    RedisResponseCache.layerWith({
      ...redis,
      ...known,
      connectTimeout: Duration.millis(redis.connectTimeout),
      socketTimeout: Duration.millis(redis.socketTimeout),
      maxRetryDelay: Duration.millis(redis.maxRetryDelay),
      ttl: lifetime(redis.ttl),
      ...(local === undefined ? {} : { local: { size: local.size, ttl: lifetime(local.ttl) } }),
      maxFollowers
    })))

/** `undefined`: none. @category layers */
export const layer = (settings: CacheSettings | undefined): Layer.Layer<never> => {
  if (settings?.redis !== undefined) return redisLayer(settings.redis, settings)
  if (settings?.local === undefined) return Layer.empty
  const { local, maxFollowers } = settings
  return LocalResponseCache.layerWith({ size: local.size, ttl: lifetime(local.ttl), maxFollowers })
}
