/** Errors of the file system in words. */
import type { PlatformError } from "effect"
import * as SystemAdvice from "../../SystemAdvice.ts"

/** The system's name of a failure, such as `ENOSPC`. @category getters */
export const codeOf = (error: PlatformError.PlatformError): string | undefined => {
  const { cause } = error.reason
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined
}

/** Node's words for a code, from messages such as `EMFILE: too many open files, scandir '/models'`. */
const wordsOf = (cause: unknown, code: string): string | undefined =>
  cause instanceof Error && cause.message.startsWith(`${code}: `)
    ? cause.message.slice(code.length + 2).replace(/, \w+(?: '.*)?$/s, "")
    : undefined

/** What the operating system said, in a few words. @category getters */
export const inShort = (error: PlatformError.PlatformError): string => {
  const { reason } = error
  if (reason._tag === "NotFound") return "No such file or directory"
  if (reason._tag === "PermissionDenied") return "Permission denied"
  const code = codeOf(error)
  const words = code === undefined ? undefined : wordsOf(reason.cause, code)
  return words === undefined ? reason.description ?? reason.message : `${words} (${code})`
}

/** What the operating system said, and what to do about it where that is known. @category getters */
export const causeOf = (error: PlatformError.PlatformError): string => {
  const advice = SystemAdvice.of(codeOf(error))
  return advice === undefined ? inShort(error) : `${inShort(error)}: ${advice}`
}
