/** What is remembered of each model between its loads: from what the last one was, and what it brought with it. */
import { Effect, Exit, Scope } from "effect"
import type { Folder, Override } from "./Overrides.ts"

/** An override in force. @category models */
export interface Kept {
  readonly override: Override
  /** What of the model's folder in the repository it stands for: when that changes, the override ends. */
  readonly disk: string
  /** Holds its folder. */
  readonly scope: Scope.Closeable
}

/** @category models */
export interface Record {
  readonly name: string
  /** Fingerprint of the folder in the repository when it was last tried, whatever came of it. */
  readonly key: string
  /** Tries of this very fingerprint that failed, one after the other. */
  readonly failures: number
  readonly kept: Kept | undefined
}

/** @category models */
export class Records {
  private readonly records = new Map<string, Record>()

  get(id: string): Record | undefined {
    return this.records.get(id)
  }

  entries(): ReadonlyArray<readonly [string, Record]> {
    return [...this.records]
  }

  /** A load succeeded, with `override` in force from now on. */
  succeed(
    { id, name }: { readonly id: string; readonly name: string },
    key: string,
    override: { readonly override: Override; readonly disk: string } | undefined
  ): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      const previous = this.records.get(id)?.kept
      const same = override !== undefined && previous?.override === override.override
      const kept = override === undefined
        ? undefined
        : { ...override, scope: same ? previous.scope : yield* holding(override.override.folder) }
      this.records.set(id, { name, key, failures: 0, kept })
      if (previous !== undefined && !same) yield* Scope.close(previous.scope, Exit.void)
    }))
  }

  /** A load failed: what was in force goes on. */
  fail({ id, name }: { readonly id: string; readonly name: string }, key: string): void {
    const previous = this.records.get(id)
    const failures = previous !== undefined && previous.key === key ? previous.failures + 1 : 1
    this.records.set(id, { name, key, failures, kept: previous?.kept })
  }

  /** Ends everything that was in force. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => Effect.forEach([...this.records.keys()], (id) => this.remove(id), { discard: true }))
  }

  /** Ends what was in force. */
  remove(id: string): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.suspend(() => {
      const kept = this.records.get(id)?.kept
      this.records.delete(id)
      return kept === undefined ? Effect.void : Scope.close(kept.scope, Exit.void)
    }))
  }
}

const holding = Effect.fnUntraced(function*(folder: Folder | undefined) {
  const scope = yield* Scope.make()
  if (folder !== undefined) yield* Scope.provide(folder.hold, scope)
  return scope
})
