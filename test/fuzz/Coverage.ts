/** What of the sources has run, by V8's own counts. */
import { Session } from "node:inspector"
import type { Profiler } from "node:inspector"

/** @category models */
export class Coverage {
  private readonly session = new Session()
  private readonly seen = new Set<string>()

  constructor() {
    this.session.connect()
    this.session.post("Profiler.enable")
    this.session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
  }

  /** Places that have run for the first time since the last call. They count as seen from then on, if `keep` says so. */
  fresh(keep: boolean): number {
    let result: ReadonlyArray<Profiler.ScriptCoverage> = []
    this.session.post("Profiler.takePreciseCoverage", (_, taken) => {
      result = taken.result
    })
    let fresh = 0
    for (const { functions, url } of result) {
      if (!url.includes("/src/") || url.includes("/node_modules/")) continue
      for (const { ranges } of functions) {
        for (const { count, endOffset, startOffset } of ranges) {
          if (count === 0) continue
          const key = `${url}:${startOffset}:${endOffset}`
          if (this.seen.has(key)) continue
          fresh++
          if (keep) this.seen.add(key)
        }
      }
    }
    return fresh
  }

  /** Places seen so far. */
  get size(): number {
    return this.seen.size
  }

  close(): void {
    this.session.disconnect()
  }
}
