/** Looks once a second at the memory of processes of instances: who has too much, and who has grown too much since its first runs. */
import { Effect, type Scope } from "effect"
import type { InstanceBounds } from "./InstanceBounds.ts"
import { megabytes, withoutEffect } from "./InstanceBounds.ts"

/** @category models */
export interface Watched {
  readonly name: string
  /** Runs that it has answered. */
  readonly answers: () => number
  readonly memoryBytes?: () => number | undefined
}

/** @category models */
export interface Options<A extends Watched> {
  readonly model: string
  readonly bounds: Pick<InstanceBounds, "memory" | "growth">
  readonly live: () => Iterable<A>
  /** It has more than it may have: it is to be ended at once. */
  readonly onExcess: (instance: A, reason: string) => void
  /** It has grown: it is to be replaced between two runs. Done when that has happened; `false`: it did not succeed. */
  readonly onGrowth: (instance: A, reason: string, bytes: number) => Effect.Effect<boolean>
}

/** Runs after which a process has what it needs: from then on it counts as growth. @category constants */
export const settledAfter = 16

/** How long growth is not looked at where an instance could not be replaced, in looks. */
const looksBetweenTries = 60

/** Watches until the scope closes; nothing to do where there are no bounds, or no processes, which is said. @category constructors */
export const run = <A extends Watched>(
  { bounds: { growth, memory }, live, model, onExcess, onGrowth }: Options<A>
): Effect.Effect<void, never, Scope.Scope> => {
  if (growth === undefined && memory === undefined) return Effect.void
  const instances = [...live()]
  if (instances.length > 0 && instances.every(({ memoryBytes }) => memoryBytes === undefined)) {
    return Effect.forEach(withoutEffect(model, { growth, memory }), (words) => Effect.logWarning(words), {
      discard: true
    })
  }
  const settled = new WeakMap<A, number>()
  let pause = 0

  /** The first that has grown too much, of those that are within the other bound. */
  const look = (): (() => Effect.Effect<boolean>) | undefined => {
    let grown: (() => Effect.Effect<boolean>) | undefined
    for (const instance of live()) {
      const bytes = instance.memoryBytes?.()
      if (bytes === undefined) continue
      if (memory !== undefined && bytes > memory.limit) {
        onExcess(
          instance,
          `its process has ${megabytes(bytes)}, and ${megabytes(memory.limit)} is the limit (${memory.setBy})`
        )
        continue
      }
      if (growth === undefined) continue
      const first = settled.get(instance)
      if (first === undefined) {
        if (instance.answers() >= settledAfter) settled.set(instance, bytes)
      } else if (bytes - first > growth.limit && grown === undefined) {
        const reason = `its process has grown from ${megabytes(first)} to ${megabytes(bytes)}, and ` +
          `${megabytes(growth.limit)} more is the limit (${growth.setBy})`
        grown = () => onGrowth(instance, reason, bytes)
      }
    }
    return grown
  }

  const watch = Effect.suspend(() => {
    const grown = look()
    if (pause > 0) pause--
    if (grown === undefined || pause > 0) return Effect.void
    return Effect.map(grown(), (replaced) => {
      if (!replaced) pause = looksBetweenTries
    })
  })
  return Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.delay(watch, "1 second"))))
}
