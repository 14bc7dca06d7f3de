/** Reads a whole JSON text into values: for bodies of management requests. */
import type { Result } from "effect"
import type { InvalidRequest, MalformedRequest } from "../../../../schema/Errors.ts"
import { attempt } from "./JsonAccess.ts"
import { JsonScanner } from "./JsonScanner.ts"
import { maximumDepth, tooDeep } from "./JsonSyntax.ts"
import { JsonObject, type JsonValue } from "./JsonValue.ts"

const read = (scanner: JsonScanner, depth: number): JsonValue => {
  const c = scanner.peek()
  if (c !== 0x5b && c !== 0x7b) return scanner.scalar()!
  if (depth >= maximumDepth) throw tooDeep()
  if (c === 0x5b) {
    const items: Array<JsonValue> = []
    if (scanner.openArray()) {
      do items.push(read(scanner, depth + 1))
      while (scanner.moreElements())
    }
    return items
  }
  const keys: Array<string> = []
  const values: Array<JsonValue> = []
  if (scanner.openObject()) {
    do {
      keys.push(scanner.key())
      values.push(read(scanner, depth + 1))
    } while (scanner.moreMembers())
  }
  return new JsonObject(keys, values)
}

/** As {@link parseDocument}, throwing. @internal */
export const parse = (bytes: Uint8Array): JsonValue => {
  const scanner = new JsonScanner(bytes)
  scanner.begin()
  const value = read(scanner, 1)
  scanner.finish()
  return value
}

/**
 * The value of a JSON text.
 *
 * Fails with `MalformedRequest` where it is not JSON, and with `InvalidRequest` where it is not UTF-8 or nested 100 deep.
 * The tree can be some forty times as large as the text: bound the text first ({@link checkSize}).
 *
 * @category decoding
 */
export const parseDocument = (bytes: Uint8Array): Result.Result<JsonValue, MalformedRequest | InvalidRequest> =>
  attempt(() => parse(bytes)) as Result.Result<JsonValue, MalformedRequest | InvalidRequest>
