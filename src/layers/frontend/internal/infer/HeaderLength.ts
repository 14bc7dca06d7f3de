/**
 * Reads the header `Inference-Header-Content-Length`.
 *
 * Source: protocol.md 4.2.
 */
import { Result } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"

/** Clients send the same length again and again. */
let lastHeader: string | undefined
let lastLength = 0

const fail = (message: string): Result.Result<never, InvalidRequest> => Result.fail(new InvalidRequest({ message }))

/**
 * Bytes of JSON at the front of a body of `bodyLength` bytes (after decompression); `undefined` without the header.
 * 0, and `undefined` with an empty body, make a raw binary request.
 *
 * @category decoding
 */
export const parse = (
  header: string | undefined,
  bodyLength: number
): Result.Result<number | undefined, InvalidRequest> => {
  if (header === undefined) return Result.succeed(undefined)
  if (header === lastHeader && lastLength <= bodyLength) return Result.succeed(lastLength)
  if (!/^\s*[+-]?\d+\s*$/.test(header)) {
    return fail(`Unable to parse Inference-Header-Content-Length, got: ${header}`)
  }
  const length = Number(header)
  if (length < -2147483648 || length > 2147483647) {
    return fail(
      `Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: ${header}`
    )
  }
  if (length < 0 || length > bodyLength) {
    return fail(`inference header size should be in range (0, ${bodyLength}), got: ${header}`)
  }
  lastHeader = header
  lastLength = length === 0 ? 0 : length
  return Result.succeed(lastLength)
}
