/** Fits the shape of what a user gave to the one that a model takes, where there is one way only. */
import { Result } from "effect"

/** @internal */
export interface Fitted {
  readonly shape: ReadonlyArray<number>
  /** What was done, as a sentence; `undefined` where nothing had to be. */
  readonly note: string | undefined
}

const matches = (shape: ReadonlyArray<number>, wanted: ReadonlyArray<number>): boolean =>
  shape.length === wanted.length && wanted.every((size, i) => size === -1 || size === shape[i])

const list = (shape: ReadonlyArray<number>): string => `[${shape.join(",")}]`

const product = (shape: ReadonlyArray<number>): number => shape.reduce((result, size) => result * size, 1)

/** A flat list of values in the only shape that it can have: one free dimension takes what the others leave. */
const unflatten = (count: number, wanted: ReadonlyArray<number>): ReadonlyArray<number> | undefined => {
  const free = wanted.flatMap((size, i) => size === -1 ? [i] : [])
  if (free.length === 0) return product(wanted) === count ? wanted : undefined
  // With several, the first is taken for the batch, which is one row.
  if (free.length > 2 || (free.length === 2 && free[0] !== 0)) return undefined
  const at = free.at(-1)!
  const others = product(wanted.filter((size) => size !== -1))
  if (others === 0 || count % others !== 0) return undefined
  return wanted.map((size, i) => i === at ? count / others : size === -1 ? 1 : size)
}

/** `given` is `[]` for a single value. A failure says what the model takes. @internal */
export const fit = (
  name: string,
  given: ReadonlyArray<number>,
  wanted: ReadonlyArray<number>
): Result.Result<Fitted, string> => {
  if (matches(given, wanted)) return Result.succeed({ shape: given, note: undefined })
  if (wanted[0] === -1 && given.length > 0 && matches(given, wanted.slice(1))) {
    const shape = [1, ...given]
    return Result.succeed({ shape, note: `${name}: ${list(given)} was taken as ${list(shape)}, a batch of one.` })
  }
  const flat = given.length <= 1 ? unflatten(product(given), wanted) : undefined
  if (flat !== undefined) {
    const note = flat.length === 1 || given.length === 0
      ? undefined
      : `${name}: ${product(given)} values in a row were taken as ${list(flat)}.`
    return Result.succeed({ shape: flat, note })
  }
  return Result.fail(
    `Input '${name}' takes the shape ${list(wanted)}${wanted.includes(-1) ? " (-1: any size)" : ""}, and was given ` +
      `${given.length === 0 ? "a single value" : list(given)}. Give the values nested as the shape is, for instance ` +
      `${example(wanted)}.`
  )
}

/** Nested brackets of a shape, with sizes of one where they are free. */
const example = (wanted: ReadonlyArray<number>): string =>
  wanted.reduceRight((inner, size) => size === -1 || size === 1 ? `[${inner}]` : `[${inner}, …]`, "1")
