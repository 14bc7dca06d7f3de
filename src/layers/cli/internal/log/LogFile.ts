/**
 * The log in a file: lines are appended by a fiber of its own, several at a time, so that who writes one waits for nothing.
 *
 * A file that was moved away or removed, as `logrotate` does, is begun anew with the first line after a second, or at once by
 * `reopen`. While the disk is full the lines are kept as far as they have room, and the file says later how many were lost.
 */
import { Clock, Effect, Latch, type Scope } from "effect"
import * as Fs from "node:fs"
import { CliFailure } from "../../CliFailure.ts"

/** @category models */
export interface Options {
  readonly path: string
  /** Bytes of lines that may wait to be written. */
  readonly maxBytes: number
  /** The line that says how many lines are missing where it stands. */
  readonly missing: (lines: number) => string
  /** Tells the operator, elsewhere, that the file cannot be written; once until it can be again. */
  readonly complain: (sentence: string) => void
}

/** @category models */
export interface LogFile {
  readonly write: (line: string) => void
  /** Looks now whether the file was moved away, and begins a new one then. */
  readonly reopen: () => void
}

/** After a failure, and between two looks at whether the file is still there. */
const pauseNanos = 1_000_000_000n

const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return "code" in error && error.code === "ENXIO"
    ? `${error.message}; it is a pipe that nobody reads: begin to read it first, or name a file`
    : error.message
}

interface Opened {
  readonly descriptor: number
  readonly device: number
  readonly node: number
}

/** Appending, without waiting for whoever reads a pipe or looks at a terminal: the main thread opens the file, and ends it. */
const flags = Fs.constants.O_WRONLY | Fs.constants.O_APPEND | Fs.constants.O_CREAT | Fs.constants.O_NONBLOCK

const open = (path: string): Opened => {
  const descriptor = Fs.openSync(path, flags, 0o666)
  const { dev, ino } = Fs.fstatSync(descriptor)
  return { descriptor, device: dev, node: ino }
}

/** Whether the path leads to another file now, or to none. */
const isElsewhere = (path: string, { device, node }: Opened): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    Fs.stat(path, (error, found) => {
      resume(Effect.succeed(error === null ? found.dev !== device || found.ino !== node : error.code === "ENOENT"))
    })
  })

/** How many bytes went into the file, or why none did. */
const append = (
  { descriptor }: Opened,
  bytes: Uint8Array
): Effect.Effect<number | NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    Fs.write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      resume(Effect.succeed(error ?? written))
    })
  })

/** Opens the file for appending; closes it, with all lines in it, when the scope closes. Errors: one sentence. @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<LogFile, CliFailure, Scope.Scope> {
  const { maxBytes, path } = options
  const clock = yield* Clock.Clock
  const waits = yield* Latch.make(false)
  let file = yield* Effect.try({
    try: () => open(path),
    catch: (error) =>
      new CliFailure({ message: `Bad option: "--log-file".\ncannot write to '${path}': ${reason(error)}` })
  })
  let lines: Array<string> = []
  /** What is left of the lines that are being written. */
  let rest: Uint8Array = new Uint8Array(0)
  let waiting = 0
  let lost = 0
  /** What the operator knows already. */
  const told = new Set<"write" | "open">()
  let looksAt = clock.monotonicTimeNanosUnsafe() + pauseNanos
  /** `reopen` was called, and nobody has looked since. */
  let isAsked = false

  /** Since when a pipe has no room. */
  let fullAt: bigint | undefined

  const complain = (what: "write" | "open", error: unknown): void => {
    if (told.has(what)) return
    told.add(what)
    options.complain(
      `cannot write to the log file '${path}': ${
        reason(error)
      }; up to ${maxBytes} bytes are kept until it can be written again`
    )
  }

  const add = (line: string): void => {
    lines.push(line)
    waiting += Buffer.byteLength(line)
  }

  const write = (line: string): void => {
    if (waiting + Buffer.byteLength(line) > maxBytes) {
      lost++
      return
    }
    if (lost > 0) {
      add(options.missing(lost))
      lost = 0
    }
    add(line)
    waits.openUnsafe()
  }

  const gather = (): void => {
    if (rest.length > 0) return
    rest = Buffer.from(lines.join(""))
    lines = []
  }

  const reopen = Effect.sync(() => {
    try {
      const next = open(path)
      Fs.closeSync(file.descriptor)
      file = next
      told.delete("open")
    } catch (error) {
      // The old one is better than none.
      complain("open", error)
    }
  })

  const look = Effect.suspend(() => {
    if (!isAsked && clock.monotonicTimeNanosUnsafe() < looksAt) return Effect.void
    isAsked = false
    looksAt = clock.monotonicTimeNanosUnsafe() + pauseNanos
    return Effect.flatMap(isElsewhere(path, file), (elsewhere) => elsewhere ? reopen : Effect.void)
  })

  const step = Effect.gen(function*() {
    yield* look
    gather()
    if (rest.length > 0) {
      const written = yield* append(file, rest)
      if (typeof written !== "number" && written.code === "EAGAIN") {
        // Who reads the pipe is a little behind; or does not read any more.
        fullAt ??= clock.monotonicTimeNanosUnsafe()
        if (clock.monotonicTimeNanosUnsafe() - fullAt >= pauseNanos) complain("write", written)
        return yield* Effect.interruptible(Effect.sleep("10 millis"))
      }
      fullAt = undefined
      if (typeof written !== "number") {
        complain("write", written)
        return yield* Effect.interruptible(Effect.sleep("1 second"))
      }
      told.delete("write")
      waiting -= written
      rest = rest.subarray(written)
    }
    if (rest.length === 0 && lines.length === 0 && !isAsked) waits.closeUnsafe()
    return undefined
  })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      try {
        while (rest.length > 0 || lines.length > 0) {
          gather()
          rest = rest.subarray(Fs.writeSync(file.descriptor, rest))
        }
        if (lost > 0) Fs.writeSync(file.descriptor, options.missing(lost))
      } catch (error) {
        complain("write", error)
      }
      Fs.closeSync(file.descriptor)
    })
  )
  // A write that has begun is waited for, so that no line stands in the file twice.
  yield* Effect.forkScoped(
    Effect.uninterruptibleMask((restore) => Effect.forever(Effect.andThen(restore(waits.await), step)))
  )
  return {
    write,
    reopen: () => {
      isAsked = true
      waits.openUnsafe()
    }
  }
})
