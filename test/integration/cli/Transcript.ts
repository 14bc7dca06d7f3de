/** What a program has printed, and who waits for more of it. */
import { Effect } from "effect"

/** The two texts of a program, and how it ended. */
export class Transcript<Ended> {
  private texts = { out: "", err: "" }
  private end: Ended | undefined = undefined
  private readonly watchers = new Set<() => void>()

  readonly out = (): string => this.texts.out
  readonly err = (): string => this.texts.err

  /** The program has printed this. */
  add(stream: "out" | "err", text: string): void {
    this.texts[stream] += text
    this.changed()
  }

  /** The program has ended like this. */
  close(ended: Ended): void {
    this.end = ended
    this.changed()
  }

  /** Waits for the end of the program. */
  readonly ended: Effect.Effect<Ended> = Effect.suspend(() => this.until(() => this.end))

  /** Waits until the program has printed this; the match. Dies when it ends before. */
  readonly printed = (pattern: RegExp): Effect.Effect<RegExpExecArray> =>
    Effect.flatMap(
      this.until(() =>
        pattern.exec(this.out()) ?? pattern.exec(this.err()) ?? (this.end === undefined ? undefined : null)
      ),
      (match) =>
        match === null
          ? Effect.die(
            new Error(
              `ended with ${JSON.stringify(this.end)} before it printed ${pattern}\n${this.out()}\n${this.err()}`
            )
          )
          : Effect.succeed(match)
    )

  private changed(): void {
    for (const watcher of this.watchers) watcher()
  }

  /** Resumes as soon as `get` gives something. */
  private until<A>(get: () => A | undefined): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const watcher = () => {
        const value = get()
        if (value !== undefined) {
          this.watchers.delete(watcher)
          resume(Effect.succeed(value))
        }
      }
      this.watchers.add(watcher)
      watcher()
      return Effect.sync(() => this.watchers.delete(watcher))
    })
  }
}

/** Words that start a server on free ports, before those of a test. */
export const serveWords: ReadonlyArray<string> = [
  "serve",
  "--http-address=127.0.0.1",
  "--http-port=0",
  "--grpc-address=127.0.0.1",
  "--grpc-port=0",
  "--metrics-port=0"
]

/** Waits until a server listens; where. */
export const listening = Effect.fnUntraced(function*({ printed }: Pick<Transcript<unknown>, "printed">) {
  const [, url] = yield* printed(/^Listening for HTTP at (\S+)/m)
  yield* printed(/\/infer'.*\n/)
  return url!
})
