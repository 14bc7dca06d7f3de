/** Why a custom model did not do what was asked of it, for whoever asked and for the log. */
import * as Cause from "effect/Cause"

/** @category models */
export interface CustomFailure {
  /** The request is at fault. */
  readonly invalid: boolean
  readonly message: string
  /** What the log should say: a failure that the model does not declare is a mistake in it. */
  readonly defect: string | undefined
}

/** What the module exports, or what it gave, is not what was asked of it: the message says all. @category errors */
export class WrongModel extends Error {}

const isInvalid = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "InvalidRequest"

/** Longest text of a failure, in characters: it goes into answers, and into the index. */
const maxText = 8192

const bounded = (text: string): string =>
  text.length <= maxText ? text : `${text.slice(0, maxText)}… (${text.length - maxText} more characters)`

/** In the words of whatever was thrown, bounded. @category formatting */
export const messageOf = (error: unknown): string => {
  try {
    return bounded(wordsOf(error))
  } catch {
    // A getter that throws, or what is no JSON: a circle, a bigint.
    return "a value was thrown that has no message"
  }
}

const wordsOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  if ("message" in error && typeof error.message === "string" && error.message !== "") return error.message
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : String(JSON.stringify(error))
}

/** What was thrown, or a promise was rejected with. @category constructors */
export const ofThrown = (error: unknown): CustomFailure => {
  const invalid = isInvalid(error)
  return {
    invalid,
    message: messageOf(error),
    defect: invalid || error instanceof WrongModel
      ? undefined
      : error instanceof Error
      ? bounded(error.stack ?? messageOf(error))
      : messageOf(error)
  }
}

/** How an effect failed. @category constructors */
export const ofCause = (cause: Cause.Cause<unknown>): CustomFailure => {
  const failed = cause.reasons.find(Cause.isFailReason)
  if (failed !== undefined) {
    return { invalid: isInvalid(failed.error), message: messageOf(failed.error), defect: undefined }
  }
  const died = cause.reasons.find(Cause.isDieReason)
  if (died !== undefined) {
    return isInvalid(died.defect) || died.defect instanceof WrongModel
      ? ofThrown(died.defect)
      : { invalid: false, message: messageOf(died.defect), defect: prettyOf(cause) }
  }
  return { invalid: false, message: "the model interrupted itself", defect: undefined }
}

/** With every error and its stack, for the log. @category formatting */
export const prettyOf = (cause: Cause.Cause<unknown>): string => {
  try {
    return bounded(Cause.pretty(cause))
  } catch {
    return cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? messageOf(reason.error)
        : Cause.isDieReason(reason)
        ? messageOf(reason.defect)
        : "interrupted"
    ).join("\n")
  }
}

/** A frame of the module loader, which says nothing of the module. */
const loaderFrame = /^ {4}at (?:async |.*\()?node:.*\n?/gm

/** Why a module could not be loaded or made ready: with the place in it where that is known. @category formatting */
export const ofLoading = (cause: Cause.Cause<unknown>): string => {
  const { defect, message } = ofCause(cause)
  return (defect ?? message).replace(loaderFrame, "").trim()
}
