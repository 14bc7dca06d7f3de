/** Counts what a listener still has to answer, and waits for it when the listener ends. */
import { Duration, Effect, Option } from "effect"

/** @internal */
export class Occupancy {
  /** Of what is counted, as the log names it: `requests`. */
  private readonly noun: string
  private count = 0
  private closing = false
  private whenIdle: (() => void) | undefined = undefined

  constructor(noun: string) {
    this.noun = noun
  }

  readonly entered = (): void => {
    this.count++
  }

  readonly left = (): void => {
    this.count--
    if (this.count === 0) this.whenIdle?.()
  }

  /** Nothing more is to be taken. */
  readonly isClosing = (): boolean => this.closing

  close(): void {
    this.closing = true
  }

  /** Waits until nothing is left, or so many milliseconds, and logs what is left then. */
  drained(exitTimeout: number): Effect.Effect<void> {
    const idle = Effect.callback<void>((resume) => {
      if (this.count === 0) return resume(Effect.void)
      this.whenIdle = () => resume(Effect.void)
    })
    return Effect.flatMap(Effect.timeoutOption(idle, Duration.millis(exitTimeout)), (inTime) =>
      Option.isSome(inTime)
        ? Effect.void
        : Effect.logWarning(
          `${this.count} ${this.noun} did not end within ${exitTimeout} ms of the shutdown and are interrupted`
        ))
  }
}
