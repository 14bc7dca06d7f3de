/** The version that a load or an unload is about, where it is one alone. */
import { Result } from "effect"
import { InvalidRequest } from "../../../schema/Errors.ts"

/**
 * The number of a version that is to be loaded or unloaded alone; `undefined` where none is given, which means all.
 *
 * @category decoding
 */
export const read = (given: string | number | undefined): Result.Result<number | undefined, InvalidRequest> => {
  if (given === undefined) return Result.succeed(undefined)
  const version = /^\d+$/.test(String(given)) ? Number(given) : -1
  return Number.isSafeInteger(version) && version >= 0
    ? Result.succeed(version)
    : Result.fail(
      new InvalidRequest({
        message: `invalid version '${String(given).slice(0, 64)}' to load or unload alone, ` +
          "version should be an integral value > 0"
      })
    )
}
