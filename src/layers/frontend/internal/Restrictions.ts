/** Restricted APIs: requests of a category must carry a header with an exact value. Source: protocol §2.6. */
import type { RestrictedCategory, Restriction } from "../../../schema/options/ValueTypes.ts"
import { SecretText } from "./SecretText.ts"

/** @internal */
export interface Restrictions<Headers> {
  /** Name of the header that a request lacks; `undefined` when the request may pass. */
  readonly missing: (category: RestrictedCategory | undefined, headers: Headers) => string | undefined
}

/** How a protocol carries the header of a restriction. @internal */
export interface Carrier<Headers> {
  /** Stands before the configured name. */
  readonly prefix: string
  /** The value of a header by its name in lower case. */
  readonly value: (headers: Headers, name: string) => string | ReadonlyArray<string> | undefined
}

/** Headers by their names in lower case. @internal */
export type HeaderRecord = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/** Headers under the names that the configuration gives. @internal */
export const plain: Carrier<HeaderRecord> = { prefix: "", value: (headers, name) => headers[name] }

/** @internal */
export const make = <Headers>(
  restrictions: ReadonlyArray<Restriction>,
  { prefix, value: valueOf }: Carrier<Headers>
): Restrictions<Headers> => {
  if (restrictions.length === 0) return { missing: () => undefined }
  const byCategory = new Map<
    RestrictedCategory,
    { readonly key: string; readonly shown: string; readonly secret: SecretText }
  >()
  for (const { categories, header, value } of restrictions) {
    const shown = prefix + header
    const secret = new SecretText(value)
    for (const category of categories) byCategory.set(category, { key: shown.toLowerCase(), shown, secret })
  }
  return {
    missing: (category, headers) => {
      const rule = category === undefined ? undefined : byCategory.get(category)
      if (rule === undefined) return undefined
      const value = valueOf(headers, rule.key)
      return typeof value === "string" && rule.secret.is(value) ? undefined : rule.shown
    }
  }
}
