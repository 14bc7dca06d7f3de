/** Where answers are kept. */
import type { Effect } from "effect"
import type { Tensor } from "../../../schema/Inference.ts"
import type { CacheUsage } from "../../../services/ResponseCache.ts"
import type { CacheKey } from "./CacheKey.ts"

/** Outputs in the order asked for: views of what is kept, which nobody writes to. @category models */
export type Answer = ReadonlyArray<Tensor>

/**
 * How an insertion ended. `exists`: the answer is there already. A failure is one sentence, which says what would have to change;
 * `reason` stays the same where the numbers in the sentence differ.
 *
 * @category models
 */
export type Insertion =
  | { readonly _tag: "Inserted" }
  | { readonly _tag: "Exists" }
  | { readonly _tag: "Failed"; readonly reason: string; readonly message: string }

/** @category constructors */
export const inserted: Insertion = { _tag: "Inserted" }
/** @category constructors */
export const exists: Insertion = { _tag: "Exists" }

/** @category models */
export interface CacheStore {
  /** What is at hand in this process, at this monotonic time in nanoseconds. Plain and quick. */
  readonly lookup: (key: CacheKey, now: number) => Answer | undefined
  /**
   * Asks whoever is farther away; absent where nobody is. It takes no longer than a bound of its own and never fails: without an
   * answer it is as if there were none. `now` tells the monotonic time in nanoseconds.
   */
  readonly fetch?: (key: CacheKey, now: () => number) => Effect.Effect<Answer | undefined>
  /** Keeps a copy, made before it returns. The answer must be right and complete: failures are never inserted. */
  readonly insert: (key: CacheKey, outputs: Answer, now: number) => Insertion
  readonly usage: () => Pick<CacheUsage, "local" | "redis">
}
