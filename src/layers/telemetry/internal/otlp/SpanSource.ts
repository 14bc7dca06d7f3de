/** Who exports spans: what all of a request have in common. */
import type { ResourceAttributes } from "./Resource.ts"

/** @category models */
export interface Source {
  readonly resource: ResourceAttributes
  /** The instrumentation scope. */
  readonly scope: { readonly name: string; readonly version: string }
}
