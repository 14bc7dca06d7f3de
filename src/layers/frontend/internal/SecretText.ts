/** Compares a secret with what a client sent, in a time that does not tell how much of it is right. */
import { hash, timingSafeEqual } from "node:crypto"

const digest = (text: string): Buffer => hash("sha256", text, "buffer")

/** A secret; digests are compared, so that its length is not told either. @internal */
export class SecretText {
  private readonly expected: Buffer

  constructor(secret: string) {
    this.expected = digest(secret)
  }

  is(text: string): boolean {
    return timingSafeEqual(digest(text), this.expected)
  }
}
