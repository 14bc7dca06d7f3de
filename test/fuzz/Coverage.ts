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

  /** Places that have run since the last call, of those that do not count as seen. */
  fresh(): ReadonlySet<string> {
    let result: ReadonlyArray<Profiler.ScriptCoverage> = []
    this.session.post("Profiler.takePreciseCoverage", (_, taken) => {
      result = taken.result
    })
    const fresh = new Set<string>()
    for (const { functions, url } of result) {
      if (!url.includes("/src/") || url.includes("/node_modules/")) continue
      for (const { ranges } of functions) {
        for (const { count, endOffset, startOffset } of ranges) {
          const key = `${url}:${startOffset}:${endOffset}`
          if (count > 0 && !this.seen.has(key)) fresh.add(key)
        }
      }
    }
    return fresh
  }

  /** From now on they count as seen. */
  see(places: ReadonlySet<string>): void {
    for (const place of places) this.seen.add(place)
  }

  /** Places seen so far. */
  get size(): number {
    return this.seen.size
  }

  close(): void {
    this.session.disconnect()
  }
}
