/**
 * More models than memory: versions load when they are asked for, and the least recently used idle ones leave when others need
 * their room.
 *
 * What a version takes is measured as the growth of the process while it loads; versions therefore load one at a time. Room is
 * made before a load, by what is known of the version, and the accounted bytes are never more than the budget.
 */
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Scope, Semaphore } from "effect"
import { LoadFailed, ModelNotReady } from "../../../../schema/Errors.ts"
import type { ResidencyFigures } from "../../../../services/ModelRepository.ts"
import { reasonOf } from "../LifecycleState.ts"
import { ResidentVersion, type Source } from "./ResidentVersion.ts"
import { Room } from "./Room.ts"

/** @category models */
export interface Options {
  /** Bytes that loaded versions may take together; 0: no bound. */
  readonly budgetBytes: number
  /** After so long without a request a version leaves; infinity: only when its room is needed. */
  readonly idleTime: Duration.Duration
  /** Requests that may wait for loads, over all models. */
  readonly maxWaiting: number
  /** How long a request waits for a load that has no deadline of its own. */
  readonly maxWait: Duration.Duration
  /** Further attempts at a version that fails to load. */
  readonly loadRetryCount: number
  /** Memory of the process, or of whatever runs the models. */
  readonly residentBytes: () => number
}

/** @category models */
export interface Residency {
  /** Makes a version known. The scope unloads it for good. */
  readonly add: (source: Source) => Effect.Effect<ResidentVersion, never, Scope.Scope>
  /** Loads it now, as if a request had asked. */
  readonly bring: (version: ResidentVersion) => Effect.Effect<void, LoadFailed>
  readonly figures: () => ResidencyFigures
}

/** A version that failed to load is left alone so long. Milliseconds. */
const retryMillis = 5000

/** How often a version is loaded again that turns out to take more than was set aside. */
const maxMeasurements = 3

/** The growth of the process is taken together with that of other work: a large reading fades by this with every load. */
const fading = 0.9

/** A residency without versions, in the scope that everything loaded lives in. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Residency, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const budget = options.budgetBytes === 0 ? Infinity : options.budgetBytes
  /** Held by whoever loads or evicts. */
  const turn = yield* Semaphore.make(1)
  const versions = new Set<ResidentVersion>()
  const room = new Room(versions, budget, clock, options.residentBytes)
  let waiting = 0
  let loads = 0
  let failures = 0

  const tooLarge = (version: ResidentVersion, bytes: number) =>
    new LoadFailed({
      model: version.name,
      code: "UNAVAILABLE",
      message: `model '${version.name}' version ${version.version} takes ${bytes} bytes of memory, more than the ` +
        `${options.budgetBytes} that --model-residency-budget allows for all: raise it`
    })

  /** Loads into `inner` what there is room for; the size that was measured. */
  const open = Effect.fnUntraced(function*(
    version: ResidentVersion,
    inner: Scope.Closeable,
    least: number,
    again: boolean
  ) {
    const before = options.residentBytes()
    const model = yield* Scope.provide(version.source.open, inner)
    const grown = options.residentBytes() - before
    const size = Math.ceil(Math.max(least, grown, again ? 0 : (version.measured ?? 0) * fading))
    version.measured = size
    return { model, size }
  })

  /**
   * One try; `false`: it takes more than was set aside, and has left again. `again`: it was measured just now, perhaps together with
   * other work, and gets all the room there is to be measured once more.
   */
  const tryToEnter = Effect.fnUntraced(function*(version: ResidentVersion, again: boolean) {
    const least = yield* version.source.fileBytes
    const needed = Math.max(least, version.measured ?? 0)
    const bytes = again && least <= budget ? Math.min(needed, budget) : needed
    if (bytes > budget) {
      // Other work may have taken what was measured: after some refusals it is loaded, and measured, again.
      if (least <= budget) version.measured = Math.floor(bytes * fading)
      return yield* tooLarge(version, bytes)
    }
    if (!(yield* room.make(version, bytes, true))) return false
    // In one step: whoever closes the scope gives the bytes back.
    const inner = Scope.forkUnsafe(scope)
    version.scope = inner
    room.setAside(version, bytes)
    return yield* open(version, inner, least, again).pipe(
      Effect.flatMap(({ model, size }) =>
        Effect.map(size <= bytes ? Effect.succeed(true) : room.make(version, size - bytes, false), (fits) => {
          if (fits) {
            room.setAside(version, size)
            version.enter(model, clock)
          }
          return fits
        })
      ),
      Effect.onExit(() => version.model === undefined ? room.close(version, inner) : Effect.void)
    )
  })

  const enter = Effect.fnUntraced(function*(version: ResidentVersion) {
    version.state = "loading"
    const begin = clock.monotonicTimeNanosUnsafe()
    for (let attempt = 0; attempt < maxMeasurements; attempt++) {
      version.state = "loading"
      const again = attempt === 1
      if (yield* Effect.retry(tryToEnter(version, again), { times: options.loadRetryCount })) {
        loads++
        const millis = Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6
        return yield* Effect.logDebug(
          `'${version.name}' version ${version.version} was loaded in ${
            millis.toFixed(0)
          } ms and takes ${version.bytes} bytes`
        )
      }
      if (version.waiting === 0) return
    }
    return yield* new LoadFailed({
      model: version.name,
      code: "UNAVAILABLE",
      message: `model '${version.name}' version ${version.version} took more memory each time it was loaded`
    })
  })

  const notReady = (version: ResidentVersion, reason: string) =>
    new ModelNotReady({
      message:
        `Request for unknown model: '${version.name}' version ${version.version} is not at ready state: ${reason}`
    })

  /** What whoever waits is told of a failure: what a runtime or the end of a process says is for the index and the log. */
  const inShort = ({ code, message }: LoadFailed) =>
    code === "INTERNAL"
      ? "loading it failed; the repository index says why, and it is loaded again when it is asked for " +
        `${Duration.format(Duration.millis(retryMillis))} after that`
      : reasonOf({ code, message })

  /** Loads a version for all who wait for it. Whoever finds it closed looks up its successor. */
  const begin = (version: ResidentVersion) => {
    const done = Deferred.makeUnsafe<void, ModelNotReady>()
    const flight: NonNullable<ResidentVersion["flight"]> = { done }
    version.flight = flight
    const run = turn.withPermit(Effect.suspend(() => version.closed ? Effect.void : enter(version))).pipe(
      Effect.catch((error: LoadFailed) =>
        Effect.suspend(() => {
          failures++
          version.failure = { reason: reasonOf(error), told: inShort(error), at: clock.currentTimeMillisUnsafe() }
          return Effect.andThen(
            Effect.logError(`failed to load '${version.name}' version ${version.version}: ${version.failure.reason}`),
            Effect.fail(notReady(version, version.failure.told))
          )
        })
      ),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (version.state === "loading") version.state = "absent"
          version.flight = undefined
          Deferred.doneUnsafe(done, version.closed ? Exit.void : exit)
        })
      ),
      Effect.ignore
    )
    return Effect.map(Effect.forkIn(run, scope, { startImmediately: true }), (fiber) => {
      flight.fiber = fiber
      return flight
    })
  }

  const wait = (version: ResidentVersion): Effect.Effect<void, ModelNotReady> =>
    Effect.suspend(() => {
      if (version.state === "resident" || version.closed) return Effect.void
      const { failure } = version
      if (failure !== undefined && clock.currentTimeMillisUnsafe() - failure.at < retryMillis) {
        return Effect.fail(notReady(version, failure.told))
      }
      if (waiting >= options.maxWaiting) {
        return Effect.fail(
          notReady(version, `${waiting} requests wait for models to load already (--model-residency-max-waiting)`)
        )
      }
      waiting++
      version.waiting++
      return Effect.flatMap(
        version.flight === undefined ? begin(version) : Effect.succeed(version.flight),
        ({ done }) => Deferred.await(done)
      ).pipe(
        Effect.timeoutOrElse({
          duration: options.maxWait,
          orElse: () =>
            Effect.fail(
              notReady(
                version,
                `it was not loaded within ${Duration.format(options.maxWait)} (--model-residency-wait-ms)`
              )
            )
        }),
        Effect.ensuring(Effect.sync(() => {
          waiting--
          version.waiting--
        }))
      )
    })

  const drop = (version: ResidentVersion) =>
    Effect.uninterruptible(Effect.suspend(() => {
      version.closed = true
      versions.delete(version)
      const fiber = version.flight?.fiber
      return Effect.andThen(
        fiber === undefined ? Effect.void : Fiber.interrupt(fiber),
        Effect.suspend(() => {
          if (version.leaving !== undefined) return Deferred.await(version.leaving)
          if (version.scope === undefined) return Effect.void
          version.leave()
          return room.close(version, version.scope)
        })
      )
    }))

  const isStale = (version: ResidentVersion) =>
    version.isIdle() &&
    clock.currentTimeMillisUnsafe() - version.lastUsedAt >= Duration.toMillis(options.idleTime)

  if (Duration.isFinite(options.idleTime)) {
    const sweep = Effect.suspend(() =>
      Effect.forEach(
        [...versions].filter(isStale),
        (version) =>
          turn.withPermit(Effect.suspend(() => isStale(version) ? room.evict(version, "idle") : Effect.void)),
        { discard: true }
      )
    )
    const interval = Duration.millis(Math.max(50, Duration.toMillis(options.idleTime) / 4))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(interval), sweep)))
  }

  return {
    add: (source) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const version = new ResidentVersion(source, wait)
          versions.add(version)
          return version
        }),
        drop
      ),
    bring: (version) =>
      Effect.mapError(
        wait(version),
        ({ message }) => {
          const { failure } = version
          const isLoad = failure !== undefined && message === notReady(version, failure.told).message
          return new LoadFailed({
            model: version.name,
            code: "UNAVAILABLE",
            message: isLoad ? notReady(version, failure.reason).message : message
          })
        }
      ),
    figures: () => ({
      budgetBytes: options.budgetBytes,
      accountedBytes: room.accounted,
      known: versions.size,
      resident: [...versions].filter(({ state }) => state === "resident").length,
      waiting,
      loads,
      failures,
      evictions: { ...room.evictions }
    })
  }
})
