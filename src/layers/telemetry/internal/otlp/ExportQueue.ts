/** Gathers the items of one signal, and sends them in batches: by their number, or after a while. */
import { Effect, Fiber, Latch, Scope } from "effect"
import type { QueuePlan } from "./Bounds.ts"
import type { FlushTime } from "./FlushTime.ts"
import type { SignalBook } from "./SignalBook.ts"

/** Items wait here, as many as the plan allows; those for which there is no room are dropped and counted. @category models */
export class ExportQueue<Item> {
  private waiting: Array<Item> = []
  private isClosed = false
  private readonly plan: QueuePlan
  private readonly book: SignalBook
  /** There is something to send. */
  readonly some: Latch.Latch = Latch.makeUnsafe(false)
  /** There is a whole batch, or there will be no more. */
  readonly enough: Latch.Latch = Latch.makeUnsafe(false)

  constructor(plan: QueuePlan, book: SignalBook) {
    this.plan = plan
    this.book = book
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  /** There is room for one more; where there is none, one counts as dropped. */
  hasRoom(): boolean {
    if (this.waiting.length < this.plan.maxQueueSize && !this.isClosed) return true
    this.book.drop()
    return false
  }

  /** On the path of requests: it never waits. */
  push(item: Item): void {
    if (!this.hasRoom()) return
    const { book, plan, waiting } = this
    const length = waiting.push(item)
    book.queued++
    if (length === 1) this.some.openUnsafe()
    if (length === plan.maxExportBatchSize) this.enough.openUnsafe()
  }

  /** Takes the oldest items, a batch of them at most. */
  take(): ReadonlyArray<Item> {
    const { plan: { maxExportBatchSize }, waiting } = this
    const isAll = waiting.length <= maxExportBatchSize
    const batch = isAll ? waiting : waiting.slice(0, maxExportBatchSize)
    this.waiting = isAll ? [] : waiting.slice(maxExportBatchSize)
    if (this.book.leaving.isOpen()) return batch
    if (isAll) this.some.closeUnsafe()
    if (this.waiting.length < maxExportBatchSize) this.enough.closeUnsafe()
    return batch
  }

  /** Takes nothing from now on, and forgets what waits: so many items. */
  close(): number {
    const { length } = this.waiting
    this.isClosed = true
    this.waiting = []
    this.book.queued -= length
    return length
  }
}

/**
 * A queue whose items are sent until the scope closes, one batch at a time. What waits then is sent while `flush` has time; what is
 * left counts as failed.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*<Item>(
  plan: QueuePlan,
  book: SignalBook,
  send: (batch: ReadonlyArray<Item>) => Effect.Effect<void>,
  flush: FlushTime
): Effect.fn.Return<ExportQueue<Item>, never, Scope.Scope> {
  const queue = new ExportQueue<Item>(plan, book)
  const { enough, some } = queue

  const sendBatch = Effect.suspend(() => {
    const batch = queue.take()
    return Effect.timeoutOption(send(batch), plan.exportTimeoutMillis).pipe(
      Effect.ensuring(Effect.sync(() => {
        book.queued -= batch.length
      }))
    )
  })
  const loop = Effect.gen(function*() {
    while (!(queue.isEmpty && book.leaving.isOpen())) {
      yield* some.await
      yield* Effect.timeoutOption(enough.await, plan.scheduleDelayMillis)
      if (!queue.isEmpty) yield* sendBatch
    }
  })

  const scope = yield* Scope.make()
  const fiber = yield* Effect.forkIn(loop, scope)
  yield* Effect.addFinalizer(Effect.fnUntraced(function*(exit) {
    book.leaving.openUnsafe()
    some.openUnsafe()
    enough.openUnsafe()
    yield* flush.within(Fiber.await(fiber))
    yield* Scope.close(scope, exit)
    yield* book.leftBehind(queue.close())
  }))
  return queue
})
