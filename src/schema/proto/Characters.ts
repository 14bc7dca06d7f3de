/** Classes of ASCII characters, by their codes. */

/** The code of a one-character text. @category getters */
export const code = (char: string): number => char.charCodeAt(0)
/** @category constants */
export const backslash = code("\\")
/** @category guards */
export const isDigit = (c: number): boolean => c >= 48 && c <= 57
/** @category guards */
export const isOctal = (c: number): boolean => c >= 48 && c <= 55
/** @category guards */
export const isHex = (c: number): boolean => isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102)
