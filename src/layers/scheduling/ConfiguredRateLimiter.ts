/**
 * Counts executions: instances stand in one line, those before that have run least, and run once there is what they need.
 *
 * Source: scheduling §6.
 */
import { type Context, Effect, Layer, Result } from "effect"
import { LoadFailed } from "../../schema/Errors.ts"
import { RateLimiter } from "../../services/RateLimiter.ts"
import * as LimitedInstances from "./internal/rate/LimitedInstances.ts"
import { type Amount, ResourcePools } from "./internal/rate/ResourcePools.ts"
import { TurnLine } from "./internal/rate/TurnLine.ts"

/** @category models */
export interface Options {
  /** `off`: no run waits for anything but an instance. */
  readonly mode: "off" | "execution_count"
  /**
   * How much there is of each resource; what is not named is not there at all. Of several entries for one device the least counts.
   * Default, and where empty: of each resource as much as the instance that needs most of it.
   */
  readonly resources?: ReadonlyArray<Amount>
}

/** Limits runs by these amounts. @category constructors */
export const make = (resources: ReadonlyArray<Amount>): Context.Service.Shape<typeof RateLimiter> => {
  const pools = new ResourcePools(resources)
  const line = new TurnLine()
  return {
    limit: Effect.fnUntraced(function*(plan, open) {
      const { instances, model } = plan
      const seats = yield* Effect.acquireRelease(
        Effect.suspend(() => {
          const added = pools.add(instances)
          if (Result.isFailure(added)) {
            return Effect.fail(new LoadFailed({ model, code: "INVALID_ARG", message: added.failure }))
          }
          const seats = added.success.map((shares, index) => line.seat(shares, instances[index]!.priority ?? 0))
          // A pool may have grown.
          line.attempt()
          return Effect.succeed(seats)
        }),
        (seats) => Effect.sync(() => pools.remove(seats.map(({ shares }) => shares)))
      )
      return LimitedInstances.make(model, line, seats, yield* open)
    }),
    levels: () => pools.all
  }
}

/** The limiter that the options ask for. @category layers */
export const layerWith = ({ mode, resources = [] }: Options): Layer.Layer<never> =>
  mode === "off" ? Layer.empty : Layer.sync(RateLimiter, () => make(resources))
