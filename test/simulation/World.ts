/**
 * Virtual time and a scheduler of fibers, driven by plain calls: everything that is ready runs before time goes on.
 *
 * What `TestClock` does, without a turn of the event loop for each step; a schedule of some dozen requests takes well under a
 * millisecond, and the same plan always runs in the same order.
 */
import { Clock, Context, Duration, Effect, type Fiber, References, Scheduler } from "effect"

interface Event {
  /** Monotonic nanoseconds. */
  readonly at: number
  /** Events of the same time happen in the order in which they were made. */
  readonly number: number
  readonly run: () => void
  cancelled: boolean
}

/** Where time starts: not at zero, which hides mistakes. */
const start = 1_000_000_007

export class World {
  /** Monotonic nanoseconds. */
  now = start
  /** Set once the schedule did not come to rest. */
  runaway = false
  /** Nanoseconds by which every timer is late. */
  late = 0
  private tasks: Array<() => void> = []
  private readonly events: Array<Event> = []
  private made = 0
  private done = 0
  private readonly maxEvents: number
  private readonly runFork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

  /** `maxEvents`: beyond them a schedule counts as one that never comes to rest. */
  constructor(maxEvents = 20_000) {
    this.maxEvents = maxEvents
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: () => Math.floor(this.now / 1e6),
      currentTimeMillis: Effect.sync(() => Math.floor(this.now / 1e6)),
      currentTimeNanosUnsafe: () => BigInt(this.now),
      currentTimeNanos: Effect.sync(() => BigInt(this.now)),
      monotonicTimeNanosUnsafe: () => BigInt(this.now),
      monotonicTimeNanos: Effect.sync(() => BigInt(this.now)),
      sleep: (duration) => this.sleep(duration)
    }
    const dispatcher: Scheduler.SchedulerDispatcher = {
      scheduleTask: (task) => void this.tasks.push(task),
      flush: () => this.settle()
    }
    const scheduler: Scheduler.Scheduler = {
      executionMode: "sync",
      // A loop that never waits is to be seen, not to hang the test.
      shouldYield: (fiber) => fiber.currentOpCount >= 2048,
      makeDispatcher: () => dispatcher
    }
    this.runFork = Effect.runForkWith(
      Context.make(Clock.Clock, clock).pipe(
        Context.add(Scheduler.Scheduler, scheduler),
        // Warnings are for operators.
        Context.add(References.MinimumLogLevel, "None")
      )
    )
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return this.runFork(effect)
  }

  /** Calls `run` at a time, or now where that is past. */
  schedule(at: number, run: () => void): Event {
    const event: Event = { at: Math.max(at, this.now), number: this.made++, run, cancelled: false }
    const { events } = this
    let low = 0
    let high = events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = events[middle]!
      if (other.at > event.at) low = middle + 1
      else high = middle
    }
    events.splice(low, 0, event)
    return event
  }

  /** Runs what is ready, and what that makes ready. */
  settle(): void {
    for (let rounds = 0; this.tasks.length > 0; rounds++) {
      if (rounds > this.maxEvents) {
        this.runaway = true
        this.tasks = []
        return
      }
      const tasks = this.tasks
      this.tasks = []
      for (let i = 0; i < tasks.length; i++) tasks[i]!()
    }
  }

  /** Lets time go on until nothing is left to happen; `rest` is called whenever everything of one time has happened. */
  run(rest: () => void): void {
    this.settle()
    for (let next = this.next(); next !== undefined; next = this.next()) {
      if (next.at > this.now) rest()
      this.now = next.at
      if (++this.done > this.maxEvents) this.runaway = true
      if (this.runaway) return
      next.run()
      this.settle()
    }
    rest()
  }

  private next(): Event | undefined {
    for (let event = this.events.pop(); event !== undefined; event = this.events.pop()) {
      if (!event.cancelled) return event
    }
    return undefined
  }

  private sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const nanos = Math.round(Duration.toMillis(duration) * 1e6)
      if (nanos <= 0) return resume(Effect.void)
      if (!Number.isFinite(nanos)) return Effect.void
      const event = this.schedule(this.now + nanos + this.late, () => resume(Effect.void))
      return Effect.sync(() => {
        event.cancelled = true
      })
    })
  }
}
