/** Integers as the C library reads them. */

/** An integer by its prefix: `4abc` is 4; `undefined` without digits. @category constructors */
export const prefixInteger = (text: string): number | undefined => {
  const match = /^\s*[+-]?\d+/.exec(text)
  return match === null ? undefined : Number(match[0])
}
