/** A header as Node has it. */

/** One value of several with the same name, as RFC 9110 §5.3 joins them. @internal */
export const single = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "object" ? value.join(", ") : value
