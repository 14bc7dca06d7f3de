/**
 * Where the command line writes: standard output and error, and on a terminal a few live lines below what was written.
 *
 * Whatever it writes may come from elsewhere. So control characters are shown, and only the command line's own `styles` and
 * `Visible.control` reach the terminal.
 */
import { Deferred, Effect, Exit, type Scope } from "effect"
import * as TextWidth from "./TextWidth.ts"
import * as Visible from "./Visible.ts"

/** @category models */
export interface Output {
  /** Writes text that ends in a line feed to standard output. */
  readonly out: (text: string) => void
  /** Writes text that ends in a line feed to standard error. */
  readonly err: (text: string) => void
  /** Writes a line of the log, as it is: its forms say what is shown. */
  readonly log: (stream: "out" | "err", line: string) => void
  /** Ends once nobody reads standard output any more, which shows when something is written. */
  readonly closed: Effect.Effect<void>
  /** Characters that were written, and that whoever reads the output has not taken yet. */
  readonly waiting: (stream: "out" | "err") => number
  /** Colours and cursor movement are allowed: standard output is a terminal and `NO_COLOR` is not set. */
  readonly rich: boolean
  /** Width of the terminal in characters, `undefined` where there is none. */
  readonly columns: () => number | undefined
  /** Replaces the lines that stay below everything written; none for an empty list. Does nothing unless `rich`. */
  readonly live: (lines: ReadonlyArray<string>) => void
}

/** What is needed of `process.stdout` and `process.stderr`. @category models */
export interface Sink {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  readonly writableLength?: number
  readonly write: (text: string) => unknown
  readonly on?: (event: "error", listener: () => void) => unknown
}

/** One column stays free, where terminals differ in what comes behind it. */
const clip = (line: string, columns: number): string => {
  const parts = line.split(Visible.styled).map((part, i) => i % 2 === 0 ? Visible.line(part) : part)
  let room = columns - 1
  if (TextWidth.width(parts.filter((_, i) => i % 2 === 0).join("")) <= room) return Visible.toTerminal(parts.join(""))
  const kept = parts.map((part, i) => {
    if (i % 2 === 1 || room <= 0) return i % 2 === 1 ? part : ""
    const columnsOfPart = TextWidth.width(part)
    const shown = columnsOfPart < room ? part : `${TextWidth.head(part, room - 1)}…`
    room -= columnsOfPart
    return shown
  })
  return Visible.toTerminal(kept.join(""))
}

/** An output over two sinks, such as `process.stdout` and `process.stderr`. @category constructors */
export const make = (
  stdout: Sink,
  stderr: Sink,
  environment: Readonly<Record<string, string | undefined>>
): Output => {
  const rich = stdout.isTTY === true && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb"
  const closed = Deferred.makeUnsafe<void>()
  // Whoever read the output may be gone, `head` for instance: that is no reason to end a server.
  stdout.on?.("error", () => Deferred.doneUnsafe(closed, Exit.void))
  stderr.on?.("error", () => {})
  let lines: ReadonlyArray<string> = []
  const erase = () => lines.length === 0 ? "" : `\x1b[${lines.length}A\x1b[0J`
  const draw = () => lines.map((line) => `${line}\n`).join("")
  const write = (sink: Sink, text: string) => {
    if (lines.length === 0) {
      sink.write(text)
      return
    }
    stdout.write(erase())
    sink.write(text)
    stdout.write(draw())
  }
  return {
    out: (text) => write(stdout, Visible.toTerminal(text)),
    err: (text) => write(stderr, Visible.toTerminal(text)),
    log: (stream, line) => write(stream === "out" ? stdout : stderr, line),
    closed: Deferred.await(closed),
    waiting: (stream) => (stream === "out" ? stdout : stderr).writableLength ?? 0,
    rich,
    columns: () => stdout.isTTY === true ? stdout.columns : undefined,
    live: (next) => {
      if (!rich || (next.length === 0 && lines.length === 0)) {
        return
      }
      const before = erase()
      const room = Math.max(1, (stdout.rows ?? 24) - 2)
      const columns = stdout.columns ?? 80
      const shown = next.length <= room ? next : [...next.slice(0, room - 1), `… and ${next.length - room + 1} more`]
      lines = shown.map((line) => clip(line, columns))
      stdout.write(before + draw())
    }
  }
}

/** Styles that do nothing unless the output is rich. @category formatting */
export const styles = (output: Output) => {
  const style = (code: number) => (text: string) =>
    output.rich ? `${Visible.control(`[${code}m`)}${text}${Visible.control("[0m")}` : text
  return { bold: style(1), dim: style(2), red: style(31), green: style(32), yellow: style(33), cyan: style(36) }
}

/** Keeps the live lines drawn anew by `render` every 80 ms until the scope closes, then removes them. @category constructors */
export const animate = (
  output: Output,
  render: (frame: number) => ReadonlyArray<string>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    if (!output.rich) {
      return
    }
    let frame = 0
    yield* Effect.addFinalizer(() => Effect.sync(() => output.live([])))
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.andThen(Effect.sync(() => output.live(render(frame++))), Effect.sleep("80 millis"))
      )
    )
  })
