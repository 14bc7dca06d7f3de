/** What went wrong with the cache folder, and what to do about it. */
import type { PlatformError } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import * as Directory from "../internal/Directory.ts"

/** The system's name of a failure, such as `ENOSPC`. @category getters */
export const codeOf = (error: PlatformError.PlatformError): string | undefined => {
  const { cause } = error.reason
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
}

/** `true` where the disk, or the part of it that the user may have, is full. @category getters */
export const isFull = (error: PlatformError.PlatformError): boolean => {
  const code = codeOf(error)
  return code === "ENOSPC" || code === "EDQUOT"
}

/** `doing` is what was tried, such as `write ‹path›`. @category constructors */
export const make = (folder: string, doing: string) => (error: PlatformError.PlatformError): PollFailed => {
  if (isFull(error)) {
    return new PollFailed({
      code: "UNAVAILABLE",
      message: `the disk of the cache folder '${folder}' is full: failed to ${doing}. Free some of it, lower ` +
        "--repository-cache-bytes, or name a folder on a larger disk with --repository-cache-directory"
    })
  }
  const code = codeOf(error)
  const cause = code === undefined ? Directory.causeOf(error) : `${Directory.causeOf(error)} (${code})`
  return new PollFailed({
    code: "INTERNAL",
    message: error.reason._tag === "PermissionDenied" || code === "EROFS"
      ? `no permission to ${doing} in the cache folder '${folder}': ${cause}. Let this user write there, or name another ` +
        "folder with --repository-cache-directory"
      : `failed to ${doing} in the cache folder '${folder}': ${cause}`
  })
}
