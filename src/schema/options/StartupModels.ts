/** The rule about names of models to load at start-up. */

/** What is wrong with the names, `undefined` where nothing is. Source: model-config §1.7. @category validation */
export const problemOf = (names: ReadonlyArray<string>): string | undefined =>
  names.includes("*") && names.length > 1
    ? "Wildcard model name '*' must be the ONLY startup model if specified at all."
    : undefined
