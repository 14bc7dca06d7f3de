/** Something that reads what strangers send: it may refuse with its own errors, and in no other way. */

/** @category models */
export interface Target {
  readonly name: string
  /** Good inputs to begin with. */
  readonly seeds: () => ReadonlyArray<Uint8Array>
  /** Reads an input; throws where it is read wrong, or refused by an error that is none of the reader's own. */
  readonly run: (input: Uint8Array) => void
}

/** Text as bytes. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Two readings of one input that must be the same. */
export const same = (actual: unknown, expected: unknown, what: string): void => {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: ${left?.slice(0, 500)} instead of ${right?.slice(0, 500)}`)
}
