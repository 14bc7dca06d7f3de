/** Powers of ten that a double holds exactly: 10^0 to 10^22. */

/** @internal */
export const tens = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
