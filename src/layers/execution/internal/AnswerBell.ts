/**
 * How the main thread learns that runs have ended, without a message for each.
 *
 * An instance writes its answer into its mailbox. Main looks at the mailboxes of the running instances whenever it comes by:
 * when a run starts, and once per turn of the event loop while runs are young. Only when it has stopped looking does the
 * first instance that answers send a message, one for all.
 */
import * as Mailbox from "./Mailbox.ts"

const { Bell } = Mailbox

/** What the bell asks of an instance. @category models */
export interface Ringer {
  /** The bell's own note: it looks after this instance. */
  listed: boolean
  /** `true` when a run has been answered that was not collected. */
  readonly answered: () => boolean
  /** Tells its thread that runs were started. */
  readonly wake: () => void
  /** Takes every answer that is there and gives it to who waits; `true` while more runs are to be answered. */
  readonly collect: () => boolean
}

/**
 * Main keeps looking this long after the latest start of a short run before it sleeps and has to be woken. A run that is alone ends
 * within the first; where there are others, looking takes the time from them. For longer runs it does not look at all.
 */
const attentiveMillis = { alone: 0.15, among: 0.05 } as const

/** One for all instances of an executor; lives on the main thread. @category models */
export class AnswerBell {
  /** The words that the workers share. */
  readonly buffer = new SharedArrayBuffer(8)
  private readonly words = new Int32Array(this.buffer)
  private running: Array<Ringer> = []
  /** To be woken at the end of the turn. */
  private sleepers: Array<Ringer> = []
  private looking = false
  private scheduled = false
  private attentiveUntil = 0

  /**
   * An instance starts a run: from now on its mailbox is looked at. Its thread is woken now, or, with `later` and where others have
   * something to do, at the end of this turn of the event loop: then once for all runs that are started until then.
   */
  started(instance: Ringer, later: boolean): void {
    const alone = this.running.length === 0
    if (!later || alone) instance.wake()
    else if (!this.sleepers.includes(instance)) this.sleepers.push(instance)
    if (!instance.listed) {
      instance.listed = true
      this.running.push(instance)
    }
    if (later) this.attentiveUntil = performance.now() + (alone ? attentiveMillis.alone : attentiveMillis.among)
    if (this.scheduled) return
    this.scheduled = true
    Atomics.store(this.words, Bell.awake, 1)
    setImmediate(this.turn)
  }

  /** An instance is gone: it will not answer, and may have taken a message with it that others count on. */
  stopped(instance: Ringer): void {
    instance.listed = false
    this.running = this.running.filter((other) => other !== instance)
    this.ring()
  }

  /** Collects every answer that is there. Answering runs callers, which may start runs or come here again. */
  readonly look = (): void => {
    if (this.looking) return
    let answered: Array<Ringer> | undefined
    let kept = 0
    const running = this.running
    for (let i = 0; i < running.length; i++) {
      const instance = running[i]!
      if (instance.answered()) {
        instance.listed = false
        ;(answered ??= []).push(instance)
      } else running[kept++] = instance
    }
    if (answered === undefined) return
    running.length = kept
    this.looking = true
    try {
      for (const instance of answered) {
        if (!instance.collect() || instance.listed) continue
        instance.listed = true
        this.running.push(instance)
      }
    } finally {
      this.looking = false
    }
  }

  /** A worker's message. */
  readonly ring = (): void => {
    Atomics.store(this.words, Bell.told, 0)
    this.look()
  }

  private readonly turn = (): void => {
    this.look()
    if (this.sleepers.length > 0) {
      for (const instance of this.sleepers) instance.wake()
      this.sleepers = []
    }
    if (this.running.length > 0 && performance.now() < this.attentiveUntil) {
      setImmediate(this.turn)
      return
    }
    this.scheduled = false
    Atomics.store(this.words, Bell.awake, 0)
    // An instance may have answered while it still saw main awake.
    this.look()
  }
}
