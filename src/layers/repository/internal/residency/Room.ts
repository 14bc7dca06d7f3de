/** The room that loaded versions share: what is accounted, and who leaves for another one. */
import { type Clock, Deferred, Effect, Exit, Scope } from "effect"
import * as VersionSpan from "../VersionSpan.ts"
import type { ResidentVersion } from "./ResidentVersion.ts"

/** A version that was loaded and is not used yet stays so long: whoever asked for it is about to come. Milliseconds. */
const graceMillis = 1000

/** The process may have grown by so much of the budget before models leave for it: garbage of the server itself comes and goes. */
const tolerance = 1.05

/** What of the budget models keep, however much else the process takes. */
const ownPart = 0.5

/** Accounts bytes, never more than the budget. Versions come and go one at a time: see to it that calls do not overlap. @category models */
export class Room {
  readonly evictions = { budget: 0, idle: 0 }
  accounted = 0
  private readonly versions: ReadonlySet<ResidentVersion>
  private readonly budget: number
  private readonly clock: Clock.Clock
  private readonly residentBytes: () => number
  /** Memory of the process without models. */
  private base = Infinity

  /** `budget` in bytes; `residentBytes` tells what the process takes. */
  constructor(
    versions: ReadonlySet<ResidentVersion>,
    budget: number,
    clock: Clock.Clock,
    residentBytes: () => number
  ) {
    this.residentBytes = residentBytes
    this.versions = versions
    this.budget = budget
    this.clock = clock
  }

  /** Accounts so many bytes for a version from now on. */
  setAside(version: ResidentVersion, bytes: number): void {
    this.accounted += bytes - version.bytes
    version.bytes = bytes
  }

  /** Makes room for so many bytes more. `false`: there is none, and nothing to wait for, or nobody who waits for the version. */
  make(version: ResidentVersion, bytes: number, waits: boolean): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function*() {
      if (this.accounted === 0) this.base = Math.min(this.base, this.residentBytes())
      while (this.accounted + bytes > this.budget) {
        const least = this.leastRecentlyUsed()
        if (least !== undefined) yield* this.evict(least, "budget")
        else if (!waits || version.waiting === 0) return false
        else yield* Effect.sleep("5 millis")
      }
      // Measured sizes miss what the C library and the heap keep of them: the process itself has the last word. What has been loaded
      // already is in it.
      if (!waits) return true
      while (this.isOver(bytes)) {
        const least = this.leastRecentlyUsed()
        if (least === undefined) break
        yield* this.evict(least, "budget")
      }
      return true
    })
  }

  /** Lets a version leave that nobody uses. */
  evict(version: ResidentVersion, why: keyof Room["evictions"]): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.suspend(() => {
      this.evictions[why]++
      version.leave()
      return Effect.andThen(
        VersionSpan.unload(version.name, version.version)(this.close(version, version.scope!)),
        Effect.logDebug(`'${version.name}' version ${version.version} has left memory (${why})`)
      )
    }))
  }

  /** Closes what a version holds, and gives its room back. */
  close(version: ResidentVersion, scope: Scope.Closeable): Effect.Effect<void> {
    const left = Deferred.makeUnsafe<void>()
    version.leaving = left
    return Scope.close(scope, Exit.void).pipe(
      Effect.ensuring(Effect.sync(() => {
        this.setAside(version, 0)
        version.state = "absent"
        version.scope = undefined
        version.leaving = undefined
        Deferred.doneUnsafe(left, Exit.void)
      })),
      Effect.uninterruptible
    )
  }

  private isOver(bytes: number): boolean {
    return this.budget !== Infinity && this.accounted > this.budget * ownPart &&
      this.residentBytes() - this.base + bytes > this.budget * tolerance
  }

  private leastRecentlyUsed(): ResidentVersion | undefined {
    let least: ResidentVersion | undefined
    for (const version of this.versions) {
      if (this.isFree(version) && (least === undefined || version.lastUse < least.lastUse)) least = version
    }
    return least
  }

  private isFree(version: ResidentVersion): boolean {
    return version.isIdle() &&
      (version.lastUse > 0 || this.clock.currentTimeMillisUnsafe() - version.lastUsedAt >= graceMillis)
  }
}
