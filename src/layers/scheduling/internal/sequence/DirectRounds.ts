/**
 * The strategy Direct: each sequence has its own row of the batch. A round runs the steps of all sequences that have one, those that
 * have none are padded.
 *
 * Source: scheduling §4.4.
 */
import { Clock, Effect } from "effect"
import type { Seat } from "./Seat.ts"
import type { Step } from "./Step.ts"
import type { Desk, MakeStrategy } from "./Strategy.ts"

/** @category models */
export interface Options {
  /** How long a round may wait for more sequences. */
  readonly maxQueueDelayMicros: number
  /** Share of the rows, from 0 to 1, from which a round waits for nobody. */
  readonly minimumSlotUtilization: number
}

/** The step of a slot that waits for a round. */
const readyIn = (seat: Seat, slot: number): Step | undefined => {
  const step = seat.slots[slot]?.current
  return step?.state === "waiting" ? step : undefined
}

/** The step of the oldest arrival, which says what the others must be like. */
const oldestOf = (seat: Seat): Step => {
  let oldest: Step | undefined
  for (let slot = 0; slot < seat.slots.length; slot++) {
    const step = readyIn(seat, slot)
    if (step !== undefined && (oldest === undefined || step.arrivedAt < oldest.arrivedAt)) oldest = step
  }
  return oldest!
}

/** @category constructors */
export const make = (options: Options): MakeStrategy => (seat: Seat, desk: Desk) =>
  Effect.gen(function*() {
    const { maxQueueDelayMicros, minimumSlotUtilization } = options
    const clock = yield* Clock.Clock
    const dispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
    const delay = minimumSlotUtilization > 0 ? maxQueueDelayMicros * 1000 : 0
    /** Rows that no round needs to wait beyond; compared as the config's own single precision. */
    const isEnough = (ready: number) => Math.fround(ready / seat.slots.length) >= Math.fround(minimumSlotUtilization)
    /** Steps that wait for a round. */
    let ready = 0
    let dueAt = Infinity
    let serving = false
    let scheduled = false

    const isDue = (oldest: Step): boolean => {
      if (delay === 0 || desk.closing() || isEnough(ready)) return true
      const until = oldest.arrivedAt + delay
      if (until <= Number(clock.monotonicTimeNanosUnsafe())) return true
      dueAt = until
      desk.expect(until)
      return false
    }

    /** The instance begins it at once; where it waits for its turn, that is asked for. */
    const accepts = (): boolean => {
      const { lanes } = seat
      if (lanes.accepts()) return true
      lanes.want(1)
      return lanes.takesTurns() && lanes.accepts()
    }

    const run = (oldest: Step) => {
      const members: Array<Step | undefined> = []
      const steps: Array<Step> = []
      let highest = 0
      for (let slot = 0; slot < seat.slots.length; slot++) {
        const step = readyIn(seat, slot)
        if (step !== undefined) highest = slot
        const joins = step !== undefined && (step === oldest || desk.layout.sameKey(oldest.key, step.key))
        members.push(joins ? step : undefined)
        if (joins) steps.push(step)
      }
      members.length = highest + 1
      ready -= steps.length
      for (let i = 0; i < steps.length; i++) steps[i]!.state = "started"
      for (let i = 0; i < steps.length; i++) if (steps[i]!.end) desk.vacate(steps[i]!.sequence)
      desk.launch(seat, members, steps)
    }

    /** What the next round is about, if the instance is free for one. */
    const next = () => ready > 0 && seat.running === 0 ? oldestOf(seat) : undefined

    const serve = () => {
      if (serving) return
      serving = true
      desk.refresh()
      dueAt = Infinity
      for (let oldest = next(); oldest !== undefined; oldest = next()) {
        if (!isDue(oldest)) {
          seat.lanes.want(0)
          break
        }
        if (!accepts()) break
        run(oldest)
      }
      if (ready === 0) seat.lanes.want(0)
      serving = false
    }

    const serveSoon = () => {
      if (scheduled) return
      scheduled = true
      dispatcher.scheduleTask(() => {
        scheduled = false
        serve()
      }, 0)
    }

    return {
      offered: (step) => {
        ready++
        if (seat.running > 0) return
        // Nobody else can come but a sequence that starts: requests of the same turn of the event loop find each other otherwise.
        if (ready === seat.slots.length || (!step.start && ready >= seat.occupied)) serve()
        else serveSoon()
      },
      retracted: () => {
        ready--
      },
      returned: () => {
        ready++
      },
      changed: serve,
      dueAt: () => dueAt
    }
  })
