/**
 * Forms batches out of a queue: looks at the requests that could run together, asks the policy, and lets them leave.
 *
 * The policy is stepped when the number of rows that it waits for is there, when a batch has ended, or when its delay is over: never
 * once per request. A batch that is full leaves at once, all others at the end of a turn of the event loop, so that requests of the
 * same turn find each other.
 */
import { Clock, Effect, Exit, Latch, Pull, Schedule, type Scope } from "effect"
import { ExecutionFailed } from "../../../schema/Errors.ts"
import type { BatchPolicy, QueueSnapshot } from "../../../services/Batcher.ts"
import type { Entry } from "./Entry.ts"
import type { Lanes } from "./Lanes.ts"
import { isLate } from "./Lateness.ts"
import type { QueueCore } from "./QueueCore.ts"

/** The queue that batches are formed out of. @category models */
export interface FormedQueue
  extends Pick<QueueCore, "refresh" | "closing" | "fail">, Partial<Pick<QueueCore, "soonest" | "drop">>
{
  readonly queue: {
    /** Requests that wait. */
    readonly length: number
    /** Rows of these requests. */
    readonly rows: number
    /** Calls `visit` for the requests in the order of service, until it says `false`. */
    readonly walk: (visit: (entry: Entry) => boolean) => void
  }
  readonly lanes: Pick<
    Lanes,
    "accepts" | "acceptsAhead" | "idle" | "load" | "quick" | "spare" | "takesTurns" | "want"
  >
}

/** @category models */
export interface Options {
  readonly model: string
  readonly policy: BatchPolicy
  readonly maxRows: number
  readonly sameKey: (a: unknown, b: unknown) => boolean
  /** A batch may be put together and lie ready while every instance is busy. */
  readonly ahead: boolean
  readonly core: () => FormedQueue | undefined
  readonly launch: (entries: ReadonlyArray<Entry>) => void
}

/** @category models */
export interface BatchFormer {
  /** A request has come. */
  readonly arrived: (entry: Entry) => void
  /** Lets leave at once what would leave at the end of this turn of the event loop. */
  readonly hurry: () => void
  /** An instance can take more, or the queue has changed otherwise. */
  readonly changed: () => void
}

/** A batch that may leave. */
interface Leaving {
  readonly entries: ReadonlyArray<Entry>
  readonly closed: boolean
}

/** It may, although a policy that was started afresh would wait: all that it was judged by is as it was, or there is more. */
const isStill = (leaving: Leaving, head: Head): boolean =>
  (head.closed || !leaving.closed) && leaving.entries.every((entry, i) => entry === head.entries[i])

const rowsOf = (entries: ReadonlyArray<Entry>): number => entries.reduce((sum, { rows }) => sum + rows, 0)

/** The requests that the next batch could take. */
class Head {
  readonly entries: Array<Entry> = []
  rows = 0
  /** One more request waits, and does not fit. */
  closed = false
  /** Monotonic nanoseconds. */
  oldest = Infinity

  /** Requests of the longest head of at most so many rows; the first one always counts. */
  countOf(limit: number): number {
    let count = 1
    let rows = this.entries[0]!.rows
    while (count < this.entries.length && rows + this.entries[count]!.rows <= limit) rows += this.entries[count++]!.rows
    return count
  }

  rowsOf(count: number): number {
    let rows = 0
    for (let i = 0; i < count; i++) rows += this.entries[i]!.rows
    return rows
  }
}

/** @category constructors */
export const make = (options: Options): Effect.Effect<BatchFormer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { ahead, maxRows, model, sameKey } = options
    const clock = yield* Clock.Clock
    const startPolicy = Schedule.toStep(options.policy)
    const wake = yield* Latch.make()
    const dispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
    /** Rows in the queue from which the loop wants to be woken. */
    let wakeAtRows = 1
    /** The last request of the batch that gathers: whoever comes before it, or has another key, changes that batch. */
    let gathering: Entry | undefined
    let scheduled = false
    /** What the policy has let go, while it waits for the turn of an instance. */
    let leaving: Leaving | undefined
    /** Arrivals and other changes so far: what came while the loop looked must not be slept over. */
    let changes = 0

    const read = (core: FormedQueue): Head | undefined => {
      core.refresh()
      if (core.queue.rows > maxRows && core.soonest !== undefined && mayLeave(core)) makeWay(core, core.soonest())
      if (core.queue.length === 0) return undefined
      const head = new Head()
      core.queue.walk((entry) => {
        const first = head.entries[0]
        if (first !== undefined) {
          if (entry.isAlone || head.rows + entry.rows > maxRows || !sameKey(first.key, entry.key)) {
            head.closed = true
            return false
          }
        }
        head.entries.push(entry)
        head.rows += entry.rows
        head.oldest = Math.min(head.oldest, entry.ready)
        return head.rows < maxRows && !entry.isAlone
      })
      if (head.rows >= maxRows || head.entries[0]?.isAlone === true) head.closed = true
      return head
    }

    /**
     * An instance is idle, or the batch is complete and can lie ready at one that is busy. Where instances wait for their turn it is
     * to be asked for before one is idle.
     */
    const hasRoom = (core: FormedQueue, head: Head): boolean =>
      core.lanes.takesTurns() || core.lanes.idle() || (ahead && head.closed && core.lanes.acceptsAhead())

    /** A run that leaves now is taken. */
    const mayLeave = ({ lanes }: FormedQueue): boolean =>
      lanes.takesTurns() ? lanes.accepts() : lanes.idle() || (ahead && lanes.acceptsAhead())

    /** Requests that are too late make way for others, as long as these make a full batch. */
    const makeWay = (core: FormedQueue, soonest: number) => {
      if (soonest === -Infinity) return
      const late: Array<Entry> = []
      let spare = core.queue.rows - maxRows
      let rows = 0
      core.queue.walk((entry) => {
        if (entry.rows <= spare && isLate(entry, soonest)) {
          spare -= entry.rows
          late.push(entry)
        } else rows += entry.rows
        return spare > 0 && rows < maxRows
      })
      for (const entry of late) core.drop!(entry)
    }

    const wakeSoon = () => {
      if (scheduled) return
      scheduled = true
      dispatcher.scheduleTask(() => {
        if (scheduled) wake.openUnsafe()
      }, 0)
    }

    const wakeNow = () => {
      scheduled = false
      wake.openUnsafe()
    }

    const sleep = (seen: number, until: Effect.Effect<void>) => {
      if (changes !== seen) return Effect.void
      scheduled = false
      wake.closeUnsafe()
      return Effect.interruptible(until)
    }

    /** Lets the head go; where instances wait for their turn, with what has come until then. */
    const leave = (core: FormedQueue, head: Head, rows: number, seen: number): Effect.Effect<void> => {
      const entries = head.entries.slice(0, head.countOf(Math.min(rows, maxRows)))
      if (!core.lanes.takesTurns() || core.lanes.accepts()) {
        leaving = undefined
        options.launch(entries)
        return Effect.void
      }
      leaving = { entries, closed: head.closed }
      wakeAtRows = Infinity
      gathering = undefined
      core.lanes.want(Math.max(1, Math.floor(core.queue.rows / maxRows)))
      return sleep(seen, wake.await)
    }

    /** Nothing is to leave: no turn is needed. */
    const stay = (core: FormedQueue) => {
      leaving = undefined
      core.lanes.want(0)
    }

    const spareOf = ({ lanes }: FormedQueue): number => lanes.takesTurns() ? Math.max(1, lanes.spare()) : lanes.spare()

    const look = (core: FormedQueue, head: Head): QueueSnapshot => ({
      rows: head.rows,
      maxRows,
      closed: head.closed || core.closing(),
      age: (Number(clock.monotonicTimeNanosUnsafe()) - head.oldest) / 1e6,
      executing: core.lanes.load().running,
      idle: core.lanes.quick() ? Math.min(1, spareOf(core)) : spareOf(core),
      fit: (limit) => head.rowsOf(head.countOf(Math.min(limit, maxRows)))
    })

    type Step = Effect.Success<typeof startPolicy>
    let step: Step | undefined

    const form = Effect.gen(function*() {
      const core = options.core()
      const head = core === undefined ? undefined : read(core)
      const seen = changes
      if (core === undefined || head === undefined || !hasRoom(core, head)) {
        if (core !== undefined) stay(core)
        // An instance that gets idle wakes this too; a batch that gets full can be put together before.
        wakeAtRows = head === undefined ? 1 : ahead ? core!.queue.rows - head.rows + maxRows : Infinity
        gathering = ahead ? head?.entries.at(-1) : undefined
        return yield* sleep(seen, wake.await)
      }
      step ??= yield* startPolicy
      const looked = yield* Effect.exit(step(clock.currentTimeMillisUnsafe(), look(core, head)))
      if (looked._tag === "Failure") {
        const rows = yield* Pull.doneExitFromCause(looked.cause)
        step = undefined
        return yield* leave(core, head, rows, seen)
      }
      if (leaving !== undefined && isStill(leaving, head)) {
        return yield* leave(core, head, rowsOf(leaving.entries), seen)
      }
      stay(core)
      const [rows, delay] = looked.value
      wakeAtRows = core.queue.rows + Math.max(1, rows - head.rows)
      gathering = head.entries.at(-1)
      yield* sleep(seen, Effect.raceFirst(wake.await, Effect.sleep(delay)))
    })

    /** A policy that throws would leave its callers waiting for ever. */
    const survive = (cause: unknown) =>
      Effect.sync(() => {
        const core = options.core()
        step = undefined
        leaving = undefined
        const head = core === undefined ? undefined : read(core)
        if (core === undefined || head === undefined) return
        const message = `the batching policy of model '${model}' failed: ${cause}`
        core.fail(head.entries, Exit.fail(new ExecutionFailed({ model, message, cause })), "OTHER")
      })

    yield* form.pipe(
      Effect.catchDefect(survive),
      Effect.forever({ disableYield: true }),
      Effect.uninterruptible,
      Effect.forkScoped({ startImmediately: true })
    )

    return {
      arrived: (entry) => {
        changes++
        const core = options.core()!
        const { rows } = core.queue
        if (rows >= maxRows && (core.lanes.idle() || (ahead && core.lanes.acceptsAhead()))) wakeNow()
        else if (rows >= wakeAtRows || (gathering !== undefined && needsLook(gathering, entry))) wakeSoon()
      },
      hurry: () => {
        if (scheduled) wakeNow()
      },
      changed: () => {
        changes++
        const core = options.core()
        if (core === undefined) return
        if (core.queue.length === 0) {
          // What the loop waits for was said of requests that have left: the next arrival is to wake it.
          wakeAtRows = 1
          gathering = undefined
          stay(core)
          return
        }
        // Where runs are short, what arrives in the rest of this turn makes fuller batches than an instance loses by waiting.
        if (core.lanes.quick()) wakeSoon()
        else wakeNow()
      }
    }

    /** Whether an arrival does more to the batch that gathers than to add its rows at the end. */
    function needsLook(last: Entry, entry: Entry): boolean {
      const before = entry.level === last.level ? last.wasDelayed : entry.level.priority < last.level.priority
      return before || !sameKey(last.key, entry.key)
    }
  })
