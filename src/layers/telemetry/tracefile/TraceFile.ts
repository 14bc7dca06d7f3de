/**
 * Triton's trace file: what was noted of requests, as JSON.
 *
 * Requests wait for none of it: what they leave is written by a fiber of its own, and what there is no room for, or what cannot be
 * written, is left out.
 *
 * Source: scheduling §10.5.
 */
import { Clock, type Duration, Effect, Latch, type Scope, Semaphore } from "effect"
import type { TraceSetting } from "../../../schema/TraceSetting.ts"
import type { Recorder } from "../TraceSampling.ts"
import { GrowingArray, writeOnce } from "./ArrayFile.ts"
import * as Collector from "./Collector.ts"
import { FileTrace } from "./FileTrace.ts"
import { PendingText } from "./PendingText.ts"

/** @category models */
export interface Options {
  readonly path: string
  /** Characters of traces that may be in memory at a time, written ones not counted. */
  readonly maxPending: number
  /** How long traces wait for others to be written with. Default 1 second. */
  readonly interval?: Duration.Input
  /** How long a write may take before the log says that it hangs. Default 10 seconds. */
  readonly slow?: Duration.Input
  /** How long the end waits for what is not written yet. Default 5 seconds. */
  readonly patience?: Duration.Input
}

/** Between two messages about traces that were left out. */
const quietNanos = 60_000_000_000n

/** One file, or a set of files, that is to be written. */
interface Part {
  readonly texts: ReadonlyArray<string>
  /** A file of its own, instead of a place in the array that grows. */
  readonly alone: boolean
}

const lengthOf = (texts: ReadonlyArray<string>): number => texts.reduce((sum, text) => sum + text.length, 0)

const describe = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** @category models */
export interface TraceFile {
  /** Opens what notes requests under a setting. */
  readonly open: (setting: TraceSetting) => Recorder
  /** Writes what does not wait for further traces; done when it was tried. */
  readonly flush: Effect.Effect<void>
}

/** The scope ends when all is written that can be. @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<TraceFile, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const pending = new PendingText(options.maxPending)
  const growing = new GrowingArray(options.path)
  const writing = yield* Semaphore.make(1)
  const wake = yield* Latch.make(false)
  const hurry = yield* Latch.make(false)
  let parts: Array<Part> = []
  let index = 0
  let isFailing = false
  let toldAt: bigint | undefined

  /** Says of a write that it hangs, once until it goes on; never ends. */
  const watch = Effect.suspend(() => {
    if (isFailing) return Effect.void
    isFailing = true
    return Effect.logWarning(
      `Writing traces to '${options.path}' hangs. Traces that have no room in memory are lost until it goes on. Requests are ` +
        "answered as before. Look at the file system that the path is on."
    )
  }).pipe(Effect.delay(options.slow ?? "10 seconds"), Effect.andThen(Effect.never))

  const write = (part: Part): Effect.Effect<void> =>
    Effect.tryPromise({
      try: () => part.alone ? writeOnce(`${options.path}.${index}`, part.texts) : growing.add(part.texts),
      catch: describe
    }).pipe(
      Effect.raceFirst(watch),
      Effect.matchEffect({
        onSuccess: () => {
          if (part.alone) index++
          const recovered = isFailing
          isFailing = false
          return recovered ? Effect.logInfo(`Traces are written to '${options.path}' again.`) : Effect.void
        },
        onFailure: (reason) => {
          const told = isFailing
          isFailing = true
          return told ? Effect.void : Effect.logWarning(
            `Traces cannot be written to '${options.path}', and are lost until that changes: ${reason}. ` +
              "Requests are answered as before. Look at the folder and at the room on its disk."
          )
        }
      }),
      Effect.ensuring(Effect.sync(() => pending.free(lengthOf(part.texts))))
    )

  const tellLeftOut = Effect.suspend(() => {
    const now = clock.monotonicTimeNanosUnsafe()
    if (toldAt !== undefined && now - toldAt < quietNanos) return Effect.void
    const { tensors, traces } = pending.takeLeftOut()
    if (traces + tensors === 0) return Effect.void
    toldAt = now
    return Effect.logWarning(
      `${traces} traces and ${tensors} tensors of others were left out of '${options.path}': there was no room for them in ` +
        `memory. --trace-file-max-pending-bytes (${options.maxPending}) says how much there is; a lower rate or a smaller ` +
        "log frequency needs less."
    )
  })

  /** Writes all that waits, what grows in one go. */
  const flush = writing.withPermits(1)(Effect.suspend(() => {
    hurry.closeUnsafe()
    const now = parts
    parts = []
    const together: Array<string> = []
    for (const { alone, texts } of now) {
      // Too many for the arguments of one call.
      if (!alone) { for (const text of texts) together.push(text) }
    }
    const files = now.filter(({ alone, texts }) => alone && texts.length > 0)
    if (together.length > 0) files.push({ texts: together, alone: false })
    return Effect.andThen(Effect.forEach(files, write, { discard: true }), tellLeftOut)
  }))

  yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
    yield* wake.await
    wake.closeUnsafe()
    yield* Effect.timeoutOption(hurry.await, options.interval ?? "1 second")
    yield* flush
  })))
  // Runs before the fiber ends.
  yield* Effect.addFinalizer(() =>
    Effect.timeoutOrElse(flush, {
      duration: options.patience ?? "5 seconds",
      orElse: () => Effect.logWarning(`The last traces were not written to '${options.path}' in time.`)
    })
  )

  let id = 0
  const surroundings = {
    pending,
    nextId: () => ++id,
    now: () => Number(clock.monotonicTimeNanosUnsafe())
  }
  const open = (setting: TraceSetting): Recorder => {
    const wanted = {
      timestamps: setting.level.includes("TIMESTAMPS"),
      tensors: setting.level.includes("TENSORS")
    }
    const collector = Collector.make(setting, pending, (texts, { alone, now }) => {
      parts.push({ texts, alone })
      if (now) hurry.openUnsafe()
      wake.openUnsafe()
    })
    return {
      begin: () => {
        collector.begun()
        return new FileTrace(surroundings, wanted, collector.finished)
      },
      ended: collector.ended
    }
  }
  return { open, flush }
})
