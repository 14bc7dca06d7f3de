/**
 * Typed reads of JSON values, with the texts of Triton for a value of the wrong kind.
 *
 * Each function throws `MalformedRequest` (500); {@link attempt} turns that into a `Result` at the border of a decoder.
 */
import { Result } from "effect"
import { InvalidRequest, MalformedRequest, RegionNotFound, Unsupported } from "../../../../schema/Errors.ts"
import { isArray, isObject, JsonDouble, type JsonObject, type JsonValue } from "./JsonValue.ts"

/** What reading a request can fail with. @category errors */
export type ReadFailure = InvalidRequest | MalformedRequest | Unsupported | RegionNotFound

const wrongKind = (actual: string, wanted: string): MalformedRequest =>
  new MalformedRequest({ message: `attempt to access JSON non-${actual} as ${wanted}` })

/** @category getters */
export const asString = (value: JsonValue | undefined): string => {
  if (typeof value === "string") return value
  throw wrongKind("string", "string")
}

/** @category getters */
export const asBoolean = (value: JsonValue | undefined): boolean => {
  if (typeof value === "boolean") return value
  throw wrongKind("boolean", "boolean")
}

/** An integer literal from 0 to 2^64-1. @category getters */
export const asUnsigned = (value: JsonValue | undefined): number | bigint => {
  if (typeof value === "number" || typeof value === "bigint") {
    if (value >= 0) return value
  }
  throw wrongKind("unsigned-integer", "unsigned-integer")
}

/** An integer literal from -2^63 to 2^63-1. @category getters */
export const asSigned = (value: JsonValue | undefined): number | bigint => {
  if (typeof value === "number" || (typeof value === "bigint" && value <= 0x7fff_ffff_ffff_ffffn)) return value
  throw wrongKind("signed-integer", "signed-integer")
}

/** Any number. @category getters */
export const asDouble = (value: JsonValue | undefined): number => {
  if (typeof value === "number" || typeof value === "bigint") return Number(value)
  if (value instanceof JsonDouble) return value.value
  throw wrongKind("number", "double")
}

/** @category getters */
export const asArray = (value: JsonValue): ReadonlyArray<JsonValue> => {
  if (isArray(value)) return value
  throw wrongKind("array", "array")
}

/** @category getters */
export const asObject = (value: JsonValue): JsonObject => {
  if (isObject(value)) return value
  throw wrongKind("object", "object")
}

/** The member of an object that must be there; a value that is not an object has no members. @category getters */
export const member = (value: JsonValue, name: string): JsonValue => {
  const found = isObject(value) ? value.get(name) : undefined
  if (found === undefined) throw missingMember(name)
  return found
}

/** @category errors */
export const missingMember = (name: string): MalformedRequest =>
  new MalformedRequest({ message: `attempt to access non-existing object member '${name}'` })

/** The same failure, of the same class, with `prefix: ` before its text. @category errors */
export const prefixed = (prefix: string, failure: ReadFailure): ReadFailure => {
  const message = `${prefix}: ${failure.message}`
  switch (failure._tag) {
    case "InvalidRequest":
      return new InvalidRequest({ message })
    case "MalformedRequest":
      return new MalformedRequest({ message })
    case "Unsupported":
      return new Unsupported({ message })
    case "RegionNotFound":
      return new RegionNotFound({ message })
  }
}

/** Whether something thrown is a failure of the request, and not a bug. @category guards */
export const isReadFailure = (thrown: unknown): thrown is ReadFailure =>
  thrown instanceof MalformedRequest || thrown instanceof InvalidRequest || thrown instanceof Unsupported ||
  thrown instanceof RegionNotFound

/** Runs a read and puts `prefix: ` before the text of its failure. @category combinators */
export const within = <A>(prefix: string, read: () => A): A => {
  try {
    return read()
  } catch (thrown) {
    throw isReadFailure(thrown) ? prefixed(prefix, thrown) : thrown
  }
}

/** Runs reads that throw `ReadFailure` and gives their outcome as a `Result`; anything else thrown is a bug and passes. @category combinators */
export const attempt = <A>(read: () => A): Result.Result<A, ReadFailure> => {
  try {
    return Result.succeed(read())
  } catch (thrown) {
    if (isReadFailure(thrown)) return Result.fail(thrown)
    throw thrown
  }
}
