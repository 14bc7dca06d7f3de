/** Shapes and shape patterns, in which -1 stands for any size. */

/** `[1,-1,3]`, as Triton prints it. @category formatting */
export const show = (shape: ReadonlyArray<number>): string => `[${shape.join(",")}]`

/** `true` when a shape has the rank of the pattern and every fixed dimension of it. @category guards */
export const matches = (shape: ReadonlyArray<number>, pattern: ReadonlyArray<number>): boolean => {
  if (shape.length !== pattern.length) return false
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] !== -1 && pattern[i] !== shape[i]) return false
  }
  return true
}

/**
 * The shape that `to` describes for data of a shape that matches `from`: the n-th -1 of `to` takes the size that stands at
 * the n-th -1 of `from`.
 *
 * @category combinators
 */
export const carry = (
  from: ReadonlyArray<number>,
  shape: ReadonlyArray<number>,
  to: ReadonlyArray<number>
): ReadonlyArray<number> => {
  let next = 0
  return to.map((dim) => {
    if (dim !== -1) return dim
    while (next < from.length && from[next] !== -1) next++
    return shape[next++] ?? -1
  })
}

/** Elements of a shape; 1 for `[]`. @category getters */
export const elementCount = (shape: ReadonlyArray<number>): number => {
  let count = 1
  for (let i = 0; i < shape.length; i++) count *= shape[i]!
  return count
}
