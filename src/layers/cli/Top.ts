/** `galatea top`: what the models of a running server do, over and over. */
import { Clock, Effect, Queue, Result, Terminal } from "effect"
import type { HttpClient } from "effect/http"
import { CliFailure } from "./CliFailure.ts"
import { type Output, styles } from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"
import { between } from "./internal/top/Activity.ts"
import * as Source from "./internal/top/Source.ts"
import { type Order, orders } from "./internal/top/Table.ts"
import * as View from "./internal/top/View.ts"
import * as Visible from "./internal/Visible.ts"

/** @category models */
export interface Command extends RunningServer.Target {
  /** Address of the metrics, a whole URL or `host:port`; `undefined`: where the server says, or else port 8002 of the same machine. */
  readonly metricsUrl: string | undefined
  /** Seconds from one look to the next. */
  readonly interval: number
  /** One table, as plain text. */
  readonly once: boolean
  readonly sort: Order
}

/** What rows can be ordered by. @category constants */
export { orders }

/** Nobody reads on, as where `head` has enough: the exit code is that of the signal which ends other programs then. */
const unread = { message: "", exitCode: 141 }

const failure = (message: string) => new CliFailure({ message: `galatea top: ${message}\n` })

/** What is shown, and what it takes to look again. */
class Watch {
  state: View.State
  private readonly source: Source.Source

  constructor(source: Source.Source, { interval, sort }: Command) {
    this.source = source
    this.state = {
      url: source.url,
      activity: undefined,
      snapshot: undefined,
      trouble: undefined,
      order: sort,
      reversed: false,
      offset: 0,
      intervalSeconds: interval
    }
  }

  change(changes: Partial<View.State>): void {
    this.state = { ...this.state, ...changes }
  }

  /** Where nobody answers, what was seen last stays. */
  get look(): Effect.Effect<void> {
    return Effect.map(Effect.result(this.source.read), (answer) => {
      if (Result.isFailure(answer)) return this.change({ trouble: answer.failure.message })
      const snapshot = answer.success
      const before = this.state.snapshot?.reading
      const activity = between(before, snapshot.reading, snapshot.listed)
      this.change({ snapshot, activity, trouble: undefined })
    })
  }
}

/** One table for each interval; what goes wrong in between goes to standard error, once. */
const plain = Effect.fnUntraced(function*(watch: Watch, command: Command, output: Output) {
  let troubled = false
  while (true) {
    yield* Effect.sleep(command.interval * 1000)
    yield* watch.look
    const { trouble, url } = watch.state
    if (trouble !== undefined) {
      if (command.once) return yield* failure(trouble)
      if (!troubled) output.err(`galatea top: ${trouble} Trying again.\n`)
      troubled = true
      continue
    }
    if (troubled) output.err(`galatea top: ${url} answers again.\n`)
    troubled = false
    output.out(`${View.plain(watch.state, yield* Clock.currentTimeMillis)}${command.once ? "" : "\n"}`)
    if (command.once) return
  }
})

const alternate = {
  enter: Visible.control("[?1049h") + Visible.control("[?25l"),
  leave: Visible.control("[?25h") + Visible.control("[?1049l")
}

/** What a key changes; `undefined`: it means nothing. */
const changeBy = (key: string, state: View.State): Partial<View.State> | undefined => {
  switch (key) {
    case "s":
      return { order: orders[(orders.indexOf(state.order) + 1) % orders.length]!, offset: 0 }
    case "r":
      return { reversed: !state.reversed }
    case "up":
    case "k":
      return { offset: Math.max(0, state.offset - 1) }
    case "down":
    case "j":
      return { offset: state.offset + 1 }
    default:
      return undefined
  }
}

/** The whole terminal, until a key ends it. */
const full = (watch: Watch, command: Command, output: Output) =>
  Effect.scoped(Effect.gen(function*() {
    const terminal = yield* Terminal.Terminal
    const sizes = yield* terminal.size
    const keys = yield* terminal.readInput
    const size = { columns: yield* terminal.columns, rows: yield* terminal.rows }
    yield* Effect.acquireRelease(
      Effect.sync(() => output.out(alternate.enter)),
      () => Effect.sync(() => output.out(alternate.leave))
    )
    const style = styles(output)
    // Lines are overwritten and never erased before: nothing flickers.
    const draw = Effect.sync(() => {
      const lines = View.screen(watch.state, size, style)
      const text = lines.map((line) => line + Visible.control("[K")).join("\r\n")
      output.out(Visible.control("[H") + text + Visible.control("[J"))
    })
    const resized = Effect.flatMap(Queue.take(sizes), (now) => {
      // Nobody knows the size of some pseudo terminals.
      size.columns = now.columns || 80
      size.rows = now.rows || 24
      return draw
    })
    const looks = Effect.andThen(Effect.sleep(command.interval * 1000), Effect.andThen(watch.look, draw))
    const pressed = Effect.gen(function*() {
      while (true) {
        const { key } = yield* Queue.take(keys)
        if (key.name === "q" || key.name === "escape" || (key.ctrl && /^[cd]$/.test(key.name))) return
        const change = changeBy(key.name, watch.state)
        if (change === undefined) continue
        const most = (watch.state.activity?.versions.length ?? 0) - View.room(size.rows)
        watch.change({ ...change, offset: Math.max(0, Math.min(change.offset ?? watch.state.offset, most)) })
        yield* draw
      }
      // Without a keyboard only a signal ends it.
    }).pipe(Effect.catchTag("Done", () => Effect.never))
    yield* draw
    yield* Effect.forkScoped(Effect.ignore(Effect.forever(resized)))
    yield* Effect.forkScoped(Effect.forever(looks))
    yield* pressed
  }))

/** Fails with `CliFailure` when nobody answers at first. What answers no more is asked again until it does. @category commands */
export const top = (
  command: Command,
  output: Output
): Effect.Effect<void, CliFailure, HttpClient.HttpClient | Terminal.Terminal> =>
  Effect.gen(function*() {
    const { interval, once } = command
    if (!(interval >= 0.1 && interval <= 3600)) {
      return yield* failure(`--interval takes seconds from 0.1 to 3600, got ${interval}.`)
    }
    const source = yield* Effect.mapError(
      Source.connect(command, command.metricsUrl),
      ({ message }) => failure(message)
    )
    const watch = new Watch(source, command)
    yield* watch.look
    if (watch.state.trouble !== undefined) return yield* failure(watch.state.trouble)
    const shown = once || output.columns() === undefined
      ? plain(watch, command, output)
      : full(watch, command, output)
    return yield* Effect.raceFirst(shown, Effect.andThen(output.closed, new CliFailure(unread)))
  })

/** What `top` asks with. @category layers */
export const layer = RunningServer.layer
