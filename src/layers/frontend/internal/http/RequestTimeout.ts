/** Reads the header `X-Request-Timeout`: how many milliseconds the client waits for its answer. */
import { Result } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"

/** The header by its name in `IncomingMessage.headers`. @internal */
export const name = "x-request-timeout"

/** Characters of a value that its error repeats. */
const shown = 64

/**
 * Milliseconds, above 0 or too little for a number to tell from 0. A header that came several times holds its values joined by
 * commas, which is no number.
 *
 * @internal
 */
export const parse = (header: string | ReadonlyArray<string>): Result.Result<number, InvalidRequest> => {
  const text = typeof header === "string" ? header : header.join(", ")
  return /^\d+(?:\.\d+)?$/.test(text) && /[1-9]/.test(text)
    ? Result.succeed(Number(text))
    : Result.fail(
      new InvalidRequest({
        message:
          `The header X-Request-Timeout must be one positive decimal number of milliseconds, such as 250 or 0.5, got: ${
            text.length <= shown ? text : `${text.slice(0, shown)}…`
          }`
      })
    )
}
