/**
 * Forms batches out of a queue: looks at the requests that could run together, asks the policy, and lets them leave.
 *
 * All of it is plain function calls, but for a policy that is more than a decision: its steps run in a fiber.
 *
 * The policy is stepped when the number of rows that it waits for is there, when a batch has ended, or when its delay is over: never
 * once per request. A batch that is full leaves at once, all others at the end of a turn of the event loop, so that requests of the
 * same turn find each other.
 */
import { Cause, Clock, Duration, Effect, Exit, Pull, type Scope } from "effect"
import { ExecutionFailed } from "../../../schema/Errors.ts"
import type { BatchPolicy, QueueSnapshot } from "../../../services/Batcher.ts"
import { exitOf } from "../../../services/Begun.ts"
import * as Policies from "../BatchPolicy.ts"
import { type BatchHead, headOf, type Line } from "./BatchHead.ts"
import * as DeadlineWatch from "./DeadlineWatch.ts"
import type { Entry } from "./Entry.ts"
import type { Lanes } from "./Lanes.ts"
import { lateEntries } from "./Lateness.ts"
import * as PolicyFiber from "./PolicyFiber.ts"
import type { QueueCore } from "./QueueCore.ts"

/** The queue that batches are formed out of. @category models */
export interface FormedQueue
  extends Pick<QueueCore, "refresh" | "closing" | "fail">, Partial<Pick<QueueCore, "soonest" | "drop">>
{
  readonly queue: Line & {
    /** Requests that wait. */
    readonly length: number
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

/** What a policy says of a batch that gathers. */
type Gathering = [rows: number, delay: Duration.Duration]

/** A policy is asked about a head. */
interface Asked {
  readonly core: FormedQueue
  readonly head: BatchHead
  /** Changes until it was looked at. */
  readonly seen: number
  /** Monotonic nanoseconds at which it was looked at. */
  readonly now: number
  readonly queue: QueueSnapshot
}

/** A batch that may leave. */
interface Leaving {
  readonly entries: ReadonlyArray<Entry>
  readonly closed: boolean
}

/** It may, although a policy that was started afresh would wait: all that it was judged by is as it was, or there is more. */
const isStill = (leaving: Leaving, head: BatchHead): boolean =>
  (head.closed || !leaving.closed) && leaving.entries.every((entry, i) => entry === head.entries[i])

const rowsOf = (entries: ReadonlyArray<Entry>): number => entries.reduce((sum, { rows }) => sum + rows, 0)

/** @category constructors */
export const make = (options: Options): Effect.Effect<BatchFormer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { ahead, maxRows, model, sameKey } = options
    const clock = yield* Clock.Clock
    const decide = Policies.decisionOf(options.policy)
    const dispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
    /** Rows in the queue from which it wants to be woken. */
    let wakeAtRows = 1
    /** The last request of the batch that gathers: whoever comes before it, or has another key, changes that batch. */
    let gathering: Entry | undefined
    let scheduled = false
    /** What the policy has let go, while it waits for the turn of an instance. */
    let leaving: Leaving | undefined
    /** Arrivals and other changes so far: what came while it looked must not be slept over. */
    let changes = 0
    /** There is nothing to do before somebody wakes it, or before `wakeAt`, in monotonic nanoseconds. */
    let asleep = true
    let wakeAt = Infinity

    const read = (core: FormedQueue): BatchHead | undefined => {
      core.refresh()
      if (core.queue.rows > maxRows && core.soonest !== undefined && mayLeave(core)) {
        for (const late of lateEntries(core.queue, core.soonest(), maxRows)) core.drop!(late)
      }
      if (core.queue.length === 0) return undefined
      return headOf(core.queue, maxRows, sameKey)
    }

    /**
     * An instance is idle, or the batch is complete and can lie ready at one that is busy. Where instances wait for their turn it is
     * to be asked for before one is idle.
     */
    const hasRoom = (core: FormedQueue, head: BatchHead): boolean =>
      core.lanes.takesTurns() || core.lanes.idle() || (ahead && head.closed && core.lanes.acceptsAhead())

    /** A run that leaves now is taken. */
    const mayLeave = ({ lanes }: FormedQueue): boolean =>
      lanes.takesTurns() ? lanes.accepts() : lanes.idle() || (ahead && lanes.acceptsAhead())

    const wakeSoon = () => {
      if (scheduled) return
      scheduled = true
      dispatcher.scheduleTask(workIfWanted, 0)
    }

    const workIfWanted = () => {
      if (scheduled) work()
    }

    const wakeNow = () => {
      scheduled = false
      work()
    }

    /** Ends the looking, unless something came meanwhile. `until`: monotonic nanoseconds of the next look. */
    const sleep = (seen: number, until: number) => {
      if (changes !== seen) return
      asleep = true
      scheduled = false
      wakeAt = until
      watch.expect(until)
    }

    /** Lets the head go; where instances wait for their turn, with what has come until then. */
    const leave = (core: FormedQueue, head: BatchHead, rows: number, seen: number): void => {
      const entries = head.entries.slice(0, head.countOf(Math.min(rows, maxRows)))
      if (!core.lanes.takesTurns() || core.lanes.accepts()) {
        leaving = undefined
        return options.launch(entries)
      }
      leaving = { entries, closed: head.closed }
      wakeAtRows = Infinity
      gathering = undefined
      core.lanes.want(Math.max(1, Math.floor(core.queue.rows / maxRows)))
      sleep(seen, Infinity)
    }

    /** Nothing is to leave: no turn is needed. */
    const stay = (core: FormedQueue) => {
      leaving = undefined
      core.lanes.want(0)
    }

    const spareOf = ({ lanes }: FormedQueue): number => lanes.takesTurns() ? Math.max(1, lanes.spare()) : lanes.spare()

    const look = (core: FormedQueue, head: BatchHead, now: number): QueueSnapshot => ({
      rows: head.rows,
      maxRows,
      closed: head.closed || core.closing(),
      age: (now - head.oldest) / 1e6,
      executing: core.lanes.load().running,
      idle: core.lanes.quick() ? Math.min(1, spareOf(core)) : spareOf(core),
      fit: (limit) => head.rowsOf(head.countOf(Math.min(limit, maxRows)))
    })

    /** Looks once: lets a batch leave, asks the policy, or goes to sleep. */
    const form = (): void => {
      const core = options.core()
      const head = core === undefined ? undefined : read(core)
      const seen = changes
      if (core === undefined || head === undefined || !hasRoom(core, head)) {
        if (core !== undefined) stay(core)
        // An instance that gets idle wakes this too; a batch that gets full can be put together before.
        wakeAtRows = head === undefined ? 1 : ahead ? core!.queue.rows - head.rows + maxRows : Infinity
        gathering = ahead ? head?.entries.at(-1) : undefined
        return sleep(seen, Infinity)
      }
      const now = Number(clock.monotonicTimeNanosUnsafe())
      const asked: Asked = { core, head, seen, now, queue: look(core, head, now) }
      const decision = decide === undefined ? undefined : exitOf(decide(asked.queue))
      if (decision === undefined) asking.ask(asked)
      else obey(asked, decision)
    }

    /** Does what the policy has decided. */
    const obey = ({ core, head, now, seen }: Asked, decision: Exit.Exit<Gathering, Cause.Done<number>>): void => {
      if (Exit.isFailure(decision)) {
        const rows = Pull.doneExitFromCause(decision.cause)
        if (Exit.isFailure(rows)) throw Cause.squash(rows.cause)
        return leave(core, head, rows.value, seen)
      }
      if (leaving !== undefined && isStill(leaving, head)) return leave(core, head, rowsOf(leaving.entries), seen)
      stay(core)
      const [rows, delay] = decision.value
      wakeAtRows = core.queue.rows + Math.max(1, rows - head.rows)
      gathering = head.entries.at(-1)
      sleep(seen, now + Duration.toMillis(delay) * 1e6)
    }

    /** A policy that throws would leave its callers waiting for ever. */
    const survive = (cause: unknown) => {
      leaving = undefined
      const core = options.core()
      const head = core === undefined ? undefined : read(core)
      if (core === undefined || head === undefined) return
      const message = `the batching policy of model '${model}' failed: ${cause}`
      core.fail(head.entries, Exit.fail(new ExecutionFailed({ model, message, cause })), "OTHER")
    }

    /** Works until there is nothing to do, unless it does so already or the policy is being asked. */
    const work = () => {
      if (!asleep) return
      asleep = false
      wakeAt = Infinity
      goOn()
    }

    const goOn = () => {
      while (isAwake()) attempt(form)
    }

    const isAwake = () => !asleep && !asking.busy

    const attempt = (step: () => void) => {
      try {
        step()
      } catch (thrown) {
        survive(thrown)
      }
    }

    const watch = yield* DeadlineWatch.make({ next: () => wakeAt }, work)
    const asking = yield* PolicyFiber.make(options.policy, clock, (asked: Asked, decision) => {
      attempt(() => obey(asked, decision))
      goOn()
    })
    work()

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
          // What it waits for was said of requests that have left: the next arrival is to wake it.
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
