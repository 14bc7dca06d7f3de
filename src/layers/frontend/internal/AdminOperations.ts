/** What changes a server rather than asks it: served only at the address of administration, where there is one. */
import type { RestrictedCategory } from "../../../schema/options/ValueTypes.ts"

/** What everybody else is told. @internal */
export const refusal = "This operation is answered only at the server's admin address, see --admin-address."

/**
 * Whether an operation is one. `name`: of the procedure, or the path of the route. Listing the repository only reads; the settings
 * of traces and logs name files, and regions of shared memory belong to whoever registered them.
 *
 * @internal
 */
export const isAdmin = (category: RestrictedCategory | undefined, name: string): boolean => {
  switch (category) {
    case "trace":
    case "logging":
    case "shared-memory":
      return true
    case "model-repository":
      return !/index$/i.test(name)
    default:
      return false
  }
}
