/** Labels of versions, such as `stable` and `canary`. */

const form = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/

/** What a label looks like, for messages. @category constants */
export const description = "a letter, then up to 63 letters, digits, '_' and '-'"

/** `true` for a text that can be a label; whether a model has one of that name is another question. @category guards */
export const isLabel = (text: string): boolean => form.test(text)
