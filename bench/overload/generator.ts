/**
 * Sends requests in a process of its own. Open loop: by the clock, whatever becomes of those before. Closed loop: each answer is followed
 * by the next request.
 */
import { open, type Outcome, type Target } from "./doors.ts"

export interface Order {
  readonly target: Target
  readonly seconds: number
  /** Requests per second by the clock, or how many are under way at a time. */
  readonly load: { readonly perSecond: number } | { readonly atOnce: number }
}

/** Milliseconds, from the beginning of the load. */
export interface Sent {
  /** When it was to be sent. */
  readonly due: number
  readonly sent: number
  readonly ended: number
  readonly outcome: Outcome
}

/** Answers are waited for so long after the last request, in milliseconds. */
const patience = 10_000

const run = (order: Order): Promise<ReadonlyArray<Sent>> =>
  new Promise((resolve) => {
    const door = open(order.target)
    const all: Array<Sent> = []
    const began = performance.now()
    const millis = order.seconds * 1000
    let underWay = 0
    let over = false
    const now = () => performance.now() - began
    const finish = () => {
      if (!over || (underWay > 0 && now() < millis + patience)) return
      clearInterval(watch)
      door.close()
      resolve(all)
    }
    const watch = setInterval(finish, 100)
    const send = (due: number, next: () => void) => {
      const sent = now()
      underWay++
      door.send((outcome) => {
        underWay--
        all.push({ due, sent, ended: now(), outcome })
        next()
      })
    }
    const { load } = order
    if ("atOnce" in load) {
      const again = () => {
        if (now() < millis) send(now(), again)
        else over = true
      }
      for (let i = 0; i < load.atOnce; i++) again()
      return
    }
    const gap = 1000 / load.perSecond
    let count = 0
    const tick = () => {
      for (; count * gap <= now() && count * gap < millis; count++) send(count * gap, () => {})
      if (count * gap >= millis) over = true
      else setTimeout(tick, Math.max(0, count * gap - now()))
    }
    tick()
  })

process.on("message", (order: Order) => {
  void run(order).then((all) => process.send!(all, () => process.exit(0)))
})
