/** What became of every model and version while the server started. */
import type { IndexEntry, LoadEvent } from "../../../services/ModelRepository.ts"

/** One version, or a model that did not get as far as its versions. @category models */
export interface Row {
  readonly model: string
  /** `""` where no version was reached. */
  readonly version: string
  readonly status: string
  readonly reason: string
}

/** Collects events. @category models */
export interface LoadReport {
  readonly add: (event: LoadEvent) => void
  /** Versions being loaded now, as `name version`, in the order they began. */
  readonly loading: () => ReadonlyArray<string>
  /** Sorted by model and version. States of the index win over the events where it is given. */
  readonly rows: (index: ReadonlyArray<IndexEntry> | undefined) => ReadonlyArray<Row>
}

const byModel = (a: Row, b: Row): number =>
  a.model < b.model ? -1 : a.model > b.model ? 1 : Number(a.version) - Number(b.version)

/** @category constructors */
export const make = (): LoadReport => {
  const rows = new Map<string, Row>()
  const key = (model: string, version: number | string | undefined) => `${model}\n${version ?? ""}`
  const put = (model: string, version: number | undefined, status: string, reason: string) => {
    if (version !== undefined) {
      rows.delete(key(model, undefined))
    }
    rows.set(key(model, version), { model, version: version === undefined ? "" : String(version), status, reason })
  }
  const all = () => [...rows.values()]
  return {
    add: (event) => {
      switch (event._tag) {
        case "Loading":
          return put(event.model, event.version, "LOADING", "")
        case "Ready":
          return put(event.model, event.version, "READY", "")
        case "Failed":
          return put(event.model, event.version, "UNAVAILABLE", event.reason)
        default:
          return
      }
    },
    loading: () =>
      all().filter(({ status }) => status === "LOADING").map(({ model, version }) => `${model} ${version}`),
    rows: (index) => {
      // With namespacing the index holds a name several times: its rows stay apart, only the events' give way to them.
      const listed = (index ?? []).flatMap(({ name, reason, state, version }): ReadonlyArray<Row> =>
        state === undefined ? [] : [{ model: name, version: version ?? "", status: state, reason: reason ?? "" }]
      )
      const names = new Set(listed.map(({ model }) => model))
      return [...listed, ...all().filter(({ model }) => !names.has(model))].toSorted(byModel)
    }
  }
}
