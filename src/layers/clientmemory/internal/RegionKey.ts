/**
 * Names of POSIX shared memory: which file of the directory a key means.
 *
 * As in the C library: slashes in front do not count, and what is left is one name of at most 255 bytes.
 */
import { Result } from "effect"
import { InvalidRequest, RegionNotOpened } from "../../../schema/Errors.ts"

/** Bytes of a file's name on Linux. */
const maxNameBytes = 255
/** Characters of a key that messages repeat. */
const maxQuoted = 300

/** Memory of the server itself, and of Triton's Python backend: clients must not reach it. */
const reserved: ReadonlyArray<string> = ["triton_python_backend_shm_region_", "galatea"]

/** @internal */
export const quoted = (key: string): string => key.length > maxQuoted ? `${key.slice(0, maxQuoted)}…` : key

/** The failure of shared memory that is not there, is none, or may not be opened. @internal */
export const notOpened = (key: string): RegionNotOpened =>
  new RegionNotOpened({ message: `Unable to open shared memory region: '${quoted(key)}'` })

/** The name of the file for the key of region `region`. @internal */
export const fileName = (region: string, key: string): Result.Result<string, InvalidRequest | RegionNotOpened> => {
  let start = 0
  while (key.charCodeAt(start) === 0x2f) start++
  const name = key.slice(start)
  if (name === "") {
    return Result.fail(
      new InvalidRequest({
        message: `cannot register shared memory region '${region}' - invalid shm key '${quoted(key)}'`
      })
    )
  }
  const prefix = reserved.find((one) => name.startsWith(one))
  if (prefix !== undefined) {
    return Result.fail(
      new InvalidRequest({
        message: `cannot register shared memory region '${region}' with key '${quoted(key)}' as the key contains ` +
          `the reserved prefix '${prefix}'`
      })
    )
  }
  const isName = name !== "." && name !== ".." && name.length <= maxNameBytes && !/[/\0]/.test(name) &&
    name.isWellFormed() && Buffer.byteLength(name) <= maxNameBytes
  return isName ? Result.succeed(name) : Result.fail(notOpened(key))
}
