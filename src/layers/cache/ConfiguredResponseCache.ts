/** The response cache that the options of the server describe. */
import { Duration, Layer } from "effect"
import type { CacheSettings } from "../../schema/options/CacheSettings.ts"
import * as LocalResponseCache from "./LocalResponseCache.ts"

/** Seconds of a setting for which 0 says for ever. */
const lifetime = (seconds: number): Duration.Duration => seconds === 0 ? Duration.infinity : Duration.seconds(seconds)

/** `undefined`: none. @category layers */
export const layer = (settings: CacheSettings | undefined): Layer.Layer<never> => {
  if (settings?.local === undefined) return Layer.empty
  const { local, maxFollowers } = settings
  return LocalResponseCache.layerWith({ size: local.size, ttl: lifetime(local.ttl), maxFollowers })
}
