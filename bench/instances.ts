/** Parts of `Instances` that no benchmark of a scheduler uses. */
import { Effect, Semaphore } from "effect"
import type { Instances } from "../src/services/Executor.ts"

/** Permits for so many instances. */
export const unusedSlots = (count: number): Instances["slots"] => Semaphore.makeUnsafe(count)

/** Schedulers start runs on the instances that are lent to them. */
export const unusedRun: Instances["run"] = () => Effect.die("not used")
