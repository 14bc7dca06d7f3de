/**
 * The server's log: Effect's log messages as lines in Triton's format.
 *
 * Source: model-config §7.2, "Log line".
 */
import { Cause, Effect, Layer, Logger, References, type Scope } from "effect"
import type { LogLevel } from "effect"
import { closeSync, openSync, writeSync } from "node:fs"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import { CliFailure } from "./CliFailure.ts"
import type { Output } from "./internal/Output.ts"

/** @category models */
export interface Options {
  readonly server: ServerOptions
  readonly output: Output
  /** `false` leaves messages as they are; else they are written as JSON strings, so that one message is one line. */
  readonly escape: boolean
}

type Severity = "I" | "W" | "E"

const severity = (level: LogLevel.LogLevel): Severity =>
  level === "Fatal" || level === "Error" ? "E" : level === "Warn" ? "W" : "I"

const two = (value: number): string => String(value).padStart(2, "0")

/** The head of a line up to and with `]`. `source` is what stands for Triton's file and line. @category formatting */
export const head = (format: ServerOptions["logFormat"], letter: Severity, date: Date, source: string): string =>
  format === "ISO8601"
    ? `${date.toISOString().slice(0, 19)}Z ${letter} ${process.pid} ${source}]`
    : `${letter}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())} ${two(date.getUTCHours())}:${
      two(date.getUTCMinutes())
    }:${two(date.getUTCSeconds())}.${String(date.getUTCMilliseconds()).padStart(3, "0")}000 ${process.pid} ${source}]`

const text = (value: unknown): string =>
  typeof value === "string" ? value : value instanceof Error ? value.message : JSON.stringify(value) ?? String(value)

const isWritten = (options: ServerOptions, letter: Severity): boolean =>
  letter === "E" ? options.logError : letter === "W" ? options.logWarning : options.logInfo

/**
 * A logger that writes lines. Annotations follow the message as `key=value`; the annotation `source` takes the place of
 * Triton's file and line.
 *
 * @category constructors
 */
export const make = (options: Options, write: (line: string, letter: Severity) => void): Logger.Logger<unknown, void> =>
  Logger.make(({ cause, date, fiber, logLevel, message }) => {
    const letter = severity(logLevel)
    if (!isWritten(options.server, letter)) {
      return
    }
    const { source, ...annotations } = fiber.getRef(References.CurrentLogAnnotations)
    const parts = (Array.isArray(message) ? message : [message]).map(text)
    if (cause.reasons.length > 0) {
      parts.push(Cause.pretty(cause))
    }
    for (const [key, value] of Object.entries(annotations)) {
      parts.push(`${key}=${text(value)}`)
    }
    const body = parts.join(" ")
    const line = `${head(options.server.logFormat, letter, date, source === undefined ? "galatea:0" : text(source))} ${
      options.escape ? JSON.stringify(body) : body
    }\n`
    write(line, letter)
  })

/** Opens the log file for appending. Errors: one sentence. */
const openFile = (path: string): Effect.Effect<number, CliFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => openSync(path, "a"),
      catch: (error) =>
        new CliFailure({
          message: `Bad option: "--log-file".\ncannot write to '${path}': ${
            error instanceof Error ? error.message : String(error)
          }`
        })
    }),
    (file) => Effect.sync(() => closeSync(file))
  )

/** Writes one line of text as the log is configured: to the file, else info to standard output, the rest to standard error. @category layers */
export const layer = (options: Options): Layer.Layer<never, CliFailure> =>
  Layer.mergeAll(
    Logger.layer([
      Effect.gen(function*() {
        if (options.server.logFile === "") {
          return make(options, (line, letter) => letter === "I" ? options.output.out(line) : options.output.err(line))
        }
        const file = yield* openFile(options.server.logFile)
        return make(options, (line) => {
          writeSync(file, line)
        })
      })
    ]),
    Layer.succeed(
      References.MinimumLogLevel,
      options.server.logVerbose >= 2 ? "Trace" : options.server.logVerbose === 1 ? "Debug" : "Info"
    )
  )
