/** What went wrong with the cache folder, and what to do about it. */
import type { PlatformError } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import * as DiskError from "../internal/DiskError.ts"

/** `true` where the disk, or the part of it that the user may have, is full. @category getters */
export const isFull = (error: PlatformError.PlatformError): boolean => {
  const code = DiskError.codeOf(error)
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
  const code = DiskError.codeOf(error)
  const words = DiskError.inShort(error)
  const cause = code === undefined || words.endsWith(`(${code})`) ? words : `${words} (${code})`
  return new PollFailed({
    code: "INTERNAL",
    message: error.reason._tag === "PermissionDenied" || code === "EROFS"
      ? `no permission to ${doing} in the cache folder '${folder}': ${cause}. Let this user write there, or name another ` +
        "folder with --repository-cache-directory"
      : `failed to ${doing} in the cache folder '${folder}': ${cause}`
  })
}
