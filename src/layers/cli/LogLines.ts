/**
 * The server's log: Effect's log messages as lines, in the form and of the levels that the options say, and clients later.
 *
 * Source: model-config §7.2, "Log line"; protocol §3.8.
 */
import { Clock, DateTime, Effect, Layer, Logger, type LogLevel, References } from "effect"
import { isWritten } from "../../schema/LogSetting.ts"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import { LogSettings, type LogSettingsState } from "../../services/LogSettings.ts"
import type { CliFailure } from "./CliFailure.ts"
import * as LogControl from "./internal/log/LogControl.ts"
import * as LogEntry from "./internal/log/LogEntry.ts"
import * as LogFile from "./internal/log/LogFile.ts"
import * as LogForm from "./internal/log/LogForm.ts"
import type { Output } from "./internal/Output.ts"

/** @category models */
export interface Options {
  readonly server: ServerOptions
  readonly output: Output
  /** `false` leaves messages as they are; else they are written as JSON strings, so that one message is one line. */
  readonly escape: boolean
}

type Write = (line: string, letter: LogForm.Severity) => void

/**
 * A logger that writes lines. Annotations follow the message as `key=value`, or as members of an object; the annotation `source`
 * takes the place of Triton's file and line.
 */
const make = (
  settings: LogSettingsState,
  { maxLength, ...look }: LogForm.Look & { readonly maxLength: number },
  write: Write
): Logger.Logger<unknown, void> =>
  Logger.make((message) => {
    const setting = settings.current()
    if (!isWritten(setting, message.logLevel)) return
    write(LogForm.line(setting.format, LogEntry.make(message, maxLength), look), LogForm.severity(message.logLevel))
  })

/** Nothing but JSON goes to the console: programs read it. @category getters */
export const isStructured = ({ logFile, logFormat }: Pick<ServerOptions, "logFile" | "logFormat">): boolean =>
  logFormat === "json" && logFile === ""

/** What is said beside the log, as lines of it where nothing else may be on the console. @category constructors */
export const saying = (server: ServerOptions, output: Output): Output => {
  if (!isStructured(server)) return output
  const line = (level: "Info" | "Error", text: string) =>
    LogForm.line("json", notice(DateTime.nowUnsafe(), level, text.trim()), { escape: true, rich: false })
  return {
    ...output,
    rich: false,
    out: (text) => output.log("out", line("Info", text)),
    err: (text) => output.log("err", line("Error", text))
  }
}

const notice = (at: DateTime.DateTime, level: LogLevel.LogLevel, message: string): LogEntry.LogEntry => ({
  date: DateTime.toDate(at),
  level,
  message,
  source: undefined,
  annotations: [],
  cause: undefined,
  span: undefined
})

/** Info to standard output, the rest to standard error, as long as somebody reads it. */
const toConsole = (output: Output, maxWaiting: number, missing: (lines: number) => string): Write => {
  let lost = 0
  return (line, letter) => {
    const stream = letter === "I" ? "out" : "err"
    if (output.waiting(stream) + line.length > maxWaiting) {
      lost++
      return
    }
    if (lost > 0) {
      output.log("err", missing(lost))
      lost = 0
    }
    output.log(stream, line)
  }
}

/** A terminal that goes away ends the server; where the log is a file, the signal means that the file was moved. */
const reopenOnSignal = (file: LogFile.LogFile) =>
  Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", file.reopen)),
    () => Effect.sync(() => process.off("SIGHUP", file.reopen))
  )

/**
 * Writes the log as it is configured, and provides `LogSettings`, by which that changes. What is written waits for nothing; the last
 * lines are in the file when the layer's scope has closed. Errors: `CliFailure` where the file cannot be written.
 *
 * @category layers
 */
export const layer = ({ escape, output, server }: Options): Layer.Layer<never, CliFailure> =>
  Layer.unwrap(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const settings = LogControl.make(server)
    const maxLength = server.logMaxMessageLength
    const missing = (lines: number): string => {
      const at = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
      const text = `${lines} lines of the log are missing here: more came than could be written (--log-buffer-bytes)`
      const rich = output.rich && server.logFile === ""
      return LogForm.line(settings.current().format, notice(at, "Warn", text), { escape, rich })
    }

    const console = Effect.sync(() =>
      make(settings, { escape, rich: output.rich, maxLength }, toConsole(output, server.logBufferBytes, missing))
    )
    const file = Effect.gen(function*() {
      const opened = yield* LogFile.make({
        path: server.logFile,
        maxBytes: server.logBufferBytes,
        missing,
        complain: (sentence) => output.err(`${sentence}\n`)
      })
      yield* reopenOnSignal(opened)
      return make(settings, { escape, rich: false, maxLength }, opened.write)
    })
    return Layer.mergeAll(
      server.logFile === "" ? Logger.layer([console]) : Logger.layer([file]),
      // Which levels are written can change: that is asked for each message.
      Layer.succeed(References.MinimumLogLevel, "Trace"),
      Layer.succeed(LogSettings, settings)
    )
  }))
