/** Models by id and by name, and their versions: where the lifecycle keeps its entries. */
import { Semaphore } from "effect"
import type { VersionState } from "../../../services/ModelRepository.ts"
import { type Entry, find, statusOf, type Version } from "./LifecycleState.ts"

/** State of one version. @category models */
export interface VersionStatus {
  readonly version: number
  readonly state: VersionState
  /** `""` where there is none. */
  readonly reason: string
}

/** @category models */
export class LifecycleTable {
  readonly entries = new Map<string, Entry>()
  private readonly named = new Map<string, ReadonlyArray<Entry>>()

  /** Models of a name: several where names are spaced by root. */
  byName(name: string): ReadonlyArray<Entry> | undefined {
    return this.named.get(name)
  }

  /** The entry of a model, which is added where it is missing. */
  entryOf(id: string, name: string): Entry {
    const known = this.entries.get(id)
    if (known !== undefined) {
      known.forgotten = false
      return known
    }
    const entry: Entry = {
      id,
      name,
      versions: new Map(),
      lock: Semaphore.makeUnsafe(1),
      forgotten: false,
      rollout: undefined,
      lookup: (version) => find(this.named.get(name), name, version),
      ready: new Map(),
      readyVersions: []
    }
    this.entries.set(id, entry)
    this.named.set(name, [...this.named.get(name) ?? [], entry])
    return entry
  }

  versionOf(entry: Entry, version: number): Version {
    const known = entry.versions.get(version)
    if (known !== undefined) return known
    const added: Version = {
      version,
      state: "UNKNOWN",
      reason: "",
      current: undefined,
      closing: 0,
      leaving: new Set(),
      gone: false
    }
    entry.versions.set(version, added)
    return added
  }

  /** Drops the versions that are gone, and the entry where it was forgotten, once nothing of them is open. */
  dropGone(entry: Entry): void {
    let open = false
    for (const version of entry.versions.values()) {
      if (version.current !== undefined || version.closing > 0) open = true
      else if (version.gone && version.state === "UNAVAILABLE") entry.versions.delete(version.version)
    }
    if (open || !entry.forgotten || this.entries.get(entry.id) !== entry) return
    this.entries.delete(entry.id)
    const others = (this.named.get(entry.name) ?? []).filter((other) => other !== entry)
    if (others.length === 0) this.named.delete(entry.name)
    else this.named.set(entry.name, others)
  }

  /** Versions by model id, ascending. */
  states(): ReadonlyMap<string, ReadonlyArray<VersionStatus>> {
    return new Map(
      [...this.entries.values()].map((entry) => [
        entry.id,
        [...entry.versions.values()]
          .sort((a, b) => a.version - b.version)
          .map((version) => ({ version: version.version, ...statusOf(version) }))
      ])
    )
  }

  /** Serial numbers of the loads that the ready versions of a model come from. */
  serials(id: string): ReadonlyMap<number, number> {
    const serials = new Map<number, number>()
    for (const { current, state, version } of this.entries.get(id)?.versions.values() ?? []) {
      if (state === "READY" && current !== undefined) serials.set(version, current.serial)
    }
    return serials
  }

  /** Identities of the ready versions of a model. */
  identities(id: string): ReadonlyMap<number, string> {
    const identities = new Map<number, string>()
    for (const { current, state, version } of this.entries.get(id)?.versions.values() ?? []) {
      if (state === "READY" && current !== undefined) identities.set(version, current.identity)
    }
    return identities
  }
}
