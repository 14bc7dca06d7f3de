/** The keys that are valid now, found by what a client sends. */
import { hash, timingSafeEqual } from "node:crypto"
import type { ApiKey, Quota, Rate } from "../../../schema/ApiKeys.ts"
import { Scopes } from "./Scopes.ts"

/** @internal */
export interface Key {
  readonly id: string
  readonly digest: Buffer
  readonly scopes: Scopes
  readonly expiresAt: number | undefined
  readonly rate: Rate | undefined
  readonly quota: Quota | undefined
}

/** Longest text that is looked at: a longer one is no key of this server, and not worth its hash. */
const maxLength = 512

/**
 * What is compared is never the key but its digest: a client that guesses keys cannot steer how much of a digest is right, so the
 * look-up by its first bytes tells it nothing, and the rest is compared in constant time.
 *
 * @internal
 */
export class KeyRing {
  private readonly keys = new Map<number, Array<Key>>()
  readonly size: number

  constructor(keys: ReadonlyArray<ApiKey>) {
    this.size = keys.length
    for (const { digest, expiresAt, id, quota, rate, scopes } of keys) {
      const bytes = Buffer.from(digest, "hex")
      const key = { id, digest: bytes, scopes: new Scopes(scopes), expiresAt, rate, quota }
      const place = bytes.readUIntBE(0, 6)
      const there = this.keys.get(place)
      if (there === undefined) this.keys.set(place, [key])
      else there.push(key)
    }
  }

  /** The key with this text. */
  find(text: string): Key | undefined {
    return text.length > maxLength ? undefined : this.ofDigest(hash("sha256", text, "buffer"))
  }

  /** The key with this SHA-256. */
  ofDigest(digest: Buffer): Key | undefined {
    const there = this.keys.get(digest.readUIntBE(0, 6))
    if (there === undefined) return undefined
    let found: Key | undefined = undefined
    for (const key of there) if (timingSafeEqual(key.digest, digest)) found = key
    return found
  }
}
