/** What is written into the log: the settings of the logging extension. Source: protocol §3.8. */
import type { LogLevel } from "effect"
import { detached } from "./DetachedText.ts"

/**
 * Forms of a line. `default` and `ISO8601` are Triton's; `json` is one object a line, for programs; `pretty` is for people.
 *
 * @category models
 */
export const logFormats = ["default", "ISO8601", "json", "pretty"] as const
/** @category models */
export type LogFormat = (typeof logFormats)[number]

/** Of which requests there is a line in the log. @category models */
export const requestLogs = ["off", "failed", "all"] as const
/** @category models */
export type RequestLogs = (typeof requestLogs)[number]

/** @category models */
export interface LogSetting {
  /** `""`: the console. */
  readonly file: string
  readonly info: boolean
  readonly warning: boolean
  readonly error: boolean
  /** 0: no verbose messages. */
  readonly verboseLevel: number
  readonly format: LogFormat
}

/** Absent: it stays. @category models */
export type LogChange = Partial<Omit<LogSetting, "file">>

/** The text of `LogFormat` that this is, `undefined` for another. @category guards */
export const logFormat = (text: string): LogFormat | undefined => logFormats.find((format) => format === text)

/** A message of this level is written. Verbose messages do not depend on `info`, as in Triton. @category predicates */
export const isWritten = (setting: LogSetting, level: LogLevel.LogLevel): boolean => {
  switch (level) {
    case "Fatal":
    case "Error":
      return setting.error
    case "Warn":
      return setting.warning
    case "Debug":
      return setting.verboseLevel >= 1
    case "Trace":
      return setting.verboseLevel >= 2
    case "None":
      return false
    case "Info":
    case "All":
      return setting.info
  }
}

/** A text of the log of so many characters at most; what was cut off is counted. @category formatting */
export const bounded = (text: string, maxLength: number): string => {
  if (text.length <= maxLength) return text
  // Half of a pair of surrogates would be no character.
  const code = text.charCodeAt(maxLength - 1)
  const end = code >= 0xd800 && code <= 0xdbff ? maxLength - 1 : maxLength
  return `${detached(text.slice(0, end))}… (${text.length - end} more characters)`
}
