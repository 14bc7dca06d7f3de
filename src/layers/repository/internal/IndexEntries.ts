/** The repository index out of what the roots hold and what the lifecycle knows. */
import type { IndexEntry } from "../../../services/ModelRepository.ts"
import type { VersionStatus } from "./Lifecycle.ts"
import { keptServing } from "./LifecycleState.ts"

const ambiguous = "model appears in two or more repositories"

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

/**
 * One row for each version; the name alone for what was never tried. Sorted by name, then version. What failed before any
 * version was tried has the state UNAVAILABLE and its reason, where Triton gives the name alone and the reason to its log; a
 * version that serves although its model could not be read again has that reason too.
 *
 * Source: model-config §1.12, protocol §3.6.
 *
 * @category constructors
 */
export const indexEntries = (
  models: ReadonlyArray<{ readonly id: string; readonly name: string }>,
  states: ReadonlyMap<string, ReadonlyArray<VersionStatus>>,
  reasons: ReadonlyMap<string, string> = new Map(),
  ambiguousNames: ReadonlyArray<string> = []
): ReadonlyArray<IndexEntry> => {
  const rows = models.map(({ id, name }): readonly [string, ReadonlyArray<IndexEntry>] => {
    const versions = states.get(id) ?? []
    const reason = reasons.get(name)
    if (versions.length === 0) {
      return [name, [reason === undefined ? { name } : { name, state: "UNAVAILABLE", reason }]]
    }
    return [
      name,
      versions.map(({ reason: own, state, version }) => {
        const why = own === "" && state === "READY" && reason !== undefined ? keptServing(reason) : own
        return { name, version: String(version), state, ...(why === "" ? {} : { reason: why }) }
      })
    ]
  })
  const duplicates = ambiguousNames.map((name): readonly [string, ReadonlyArray<IndexEntry>] => [
    name,
    [{ name, state: "UNAVAILABLE", reason: ambiguous }]
  ])
  return [...rows, ...duplicates].sort(([a], [b]) => compare(a, b)).flatMap(([, entries]) => entries)
}
