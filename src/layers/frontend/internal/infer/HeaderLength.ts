/**
 * Reads the header `Inference-Header-Content-Length`.
 *
 * Source: protocol.md 4.2.
 */
import { Result } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"

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
  return Result.succeed(length === 0 ? 0 : length)
}
