/** Restricted APIs: requests of a category must carry a header with an exact value. Source: protocol §2.6. */
import type { RestrictedCategory, Restriction } from "../../../../schema/options/ValueTypes.ts"

/** @internal */
export interface Restrictions {
  /** Name of the header that a request lacks, as configured; `undefined` when the request may pass. */
  readonly missing: (
    category: RestrictedCategory | undefined,
    headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  ) => string | undefined
}

const none: Restrictions = { missing: () => undefined }

/** @internal */
export const make = (restrictions: ReadonlyArray<Restriction>): Restrictions => {
  if (restrictions.length === 0) return none
  const byCategory = new Map<
    RestrictedCategory,
    { readonly key: string; readonly shown: string; readonly value: string }
  >()
  for (const { categories, header, value } of restrictions) {
    for (const category of categories) byCategory.set(category, { key: header.toLowerCase(), shown: header, value })
  }
  return {
    missing: (category, headers) => {
      const rule = category === undefined ? undefined : byCategory.get(category)
      return rule === undefined || headers[rule.key] === rule.value ? undefined : rule.shown
    }
  }
}
