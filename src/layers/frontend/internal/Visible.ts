/** Leaves out of lists what a client may not read. */
import type { Pass } from "../../../services/Access.ts"

/** `pass` is `undefined` where everybody may see everything. @internal */
export const of = <Entry extends { readonly name: string }>(
  pass: Pass | undefined,
  entries: ReadonlyArray<Entry>
): ReadonlyArray<Entry> => pass === undefined ? entries : entries.filter(({ name }) => pass.sees(name))

/** As `of`, of versions by their models. @internal */
export const ofVersions = <Version extends { readonly model: string }>(
  pass: Pass | undefined,
  versions: ReadonlyArray<Version>
): ReadonlyArray<Version> => pass === undefined ? versions : versions.filter(({ model }) => pass.sees(model))
