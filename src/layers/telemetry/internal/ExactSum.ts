/**
 * Sums of whole nanoseconds that stay exact: a number alone would lose single ones after a hundred days. Each is two numbers in a row,
 * the low and the high part, among others of its owner.
 */

/** Both parts stay far below the 2^53 up to which numbers count in ones. */
const limit = 2 ** 52

/** Numbers that a sum takes. @category constants */
export const cells = 2

/** Adds a whole number that is not negative. @category mutations */
export const add = (numbers: Float64Array, at: number, nanos: number): void => {
  const low = numbers[at]! + nanos
  if (low < limit) numbers[at] = low
  else {
    numbers[at] = low - limit
    numbers[at + 1]!++
  }
}

/** Adds it so many times. @category mutations */
export const addTimes = (numbers: Float64Array, at: number, nanos: number, times: number): void => {
  const product = nanos * times
  if (product < limit) add(numbers, at, product)
  else for (let i = 0; i < times; i++) add(numbers, at, nanos)
}

/** @category getters */
export const read = (numbers: Float64Array, at: number): bigint =>
  BigInt(numbers[at + 1]!) * BigInt(limit) + BigInt(numbers[at]!)

/** In seconds, as exact as a number can be. @category getters */
export const seconds = (numbers: Float64Array, at: number): number =>
  numbers[at + 1]! * (limit / 1e9) + numbers[at]! / 1e9

/** A measured duration as a whole number of nanoseconds: clocks may step back. @category getters */
export const wholeNanos = (nanos: number): number => nanos > 0 ? Math.floor(nanos) : 0
