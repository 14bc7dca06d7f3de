/** What `--trace-config` and the options before it say together. Source: scheduling §10.1. */
import { Result } from "effect"
import type { TraceLevel, TraceMode } from "../TraceSetting.ts"
import type { ValueType } from "./OptionRow.ts"
import { int, path, type ScopedSetting } from "./ValueTypes.ts"

/** What is traced from the start. @category models */
export interface TraceConfig {
  /** `undefined`: no option says anything of tracing. */
  readonly mode: TraceMode | undefined
  readonly level: ReadonlyArray<TraceLevel>
  readonly rate: number
  readonly count: number
  /** `""`: none was given. */
  readonly file: string
  readonly logFrequency: number
  /** Further settings of the mode `opentelemetry`, as they were given, each of them checked. */
  readonly opentelemetry: ReadonlyArray<readonly [name: string, value: string]>
}

/** The options that say what is traced. @category models */
export interface Given {
  readonly traceConfig: ReadonlyArray<ScopedSetting>
  readonly traceFile: string
  readonly traceLevel: ReadonlyArray<TraceLevel>
  readonly traceRate: number
  readonly traceCount: number
  readonly traceLogFrequency: number
}

const words: Readonly<Record<string, TraceLevel>> = {
  off: "OFF",
  false: "OFF",
  timestamps: "TIMESTAMPS",
  on: "TIMESTAMPS",
  true: "TIMESTAMPS",
  min: "TIMESTAMPS",
  max: "TIMESTAMPS",
  tensors: "TENSORS"
}

/** One of Triton's words for a level, in any case. @category value types */
export const level: ValueType<TraceLevel> = {
  label: "OFF|TIMESTAMPS|TENSORS",
  argument: "required",
  choices: ["OFF", "TIMESTAMPS", "TENSORS"],
  read: (text) => {
    const word = text.toLowerCase()
    return Object.hasOwn(words, word)
      ? Result.succeed({ value: words[word]! })
      : Result.fail(
        `invalid value for trace level option: ${text}\nExpected OFF, TIMESTAMPS or TENSORS; for two levels give the option twice.`
      )
  }
}

/** One request in so many is traced. @category value types */
export const rate: ValueType<number> = int({ min: 0 })
/** How many requests are traced; -1: no bound. @category value types */
export const count: ValueType<number> = int({ min: -1 })
/** Traces in one file. @category value types */
export const logFrequency: ValueType<number> = int({ min: 0 })

const mode: ValueType<TraceMode> = {
  label: "triton|opentelemetry",
  argument: "required",
  choices: ["triton", "opentelemetry"],
  read: (text) =>
    text === "triton" || text === "opentelemetry"
      ? Result.succeed({ value: text })
      : Result.fail(`invalid value for trace mode option: ${text}\nExpected triton or opentelemetry.`)
}

const text = (label: string, expected: string, fits: (text: string) => boolean): ValueType<string> => ({
  label,
  argument: "required",
  choices: undefined,
  read: (value) =>
    fits(value) ? Result.succeed({ value }) : Result.fail(`Invalid option value. Got ${value}\nExpected ${expected}.`)
})

const address = text("url", "an address such as http://localhost:4318/v1/traces", (value) => {
  const scheme = URL.canParse(value) ? new URL(value).protocol : ""
  return scheme === "http:" || scheme === "https:"
})
const url: ValueType<string> = {
  ...address,
  read: (value) => {
    const { password = "", username = "" } = URL.canParse(value) ? new URL(value) : {}
    return username + password === "" ? address.read(value) : Result.fail(
      "The address has a user name or password in it, which the trace settings would show.\n" +
        "Give it in a header, with the environment variable OTEL_EXPORTER_OTLP_TRACES_HEADERS."
    )
  }
}
const resource = text("name=value", "an attribute such as service.name=vision", (value) => /^[^=]+=/.test(value))
const positive = int({ min: 1 })

const types: Readonly<Record<string, ValueType<string | number>>> = {
  level,
  rate,
  count,
  mode,
  "triton,file": path,
  "triton,log-frequency": logFrequency,
  "opentelemetry,url": url,
  "opentelemetry,resource": resource,
  "opentelemetry,bsp_max_queue_size": positive,
  "opentelemetry,bsp_schedule_delay": positive,
  "opentelemetry,bsp_max_export_batch_size": positive
}

/** What stands before the equals sign. */
const nameOf = ({ key, scope }: ScopedSetting): string => scope === "" ? key : `${scope},${key}`

const isKnown = (setting: ScopedSetting): boolean => Object.hasOwn(types, nameOf(setting))

/** The last value of each setting, or why one of them cannot be. */
const valuesOf = (
  given: ReadonlyArray<ScopedSetting>
): Result.Result<ReadonlyMap<string, string | number>, string> => {
  const values = new Map<string, string | number>()
  for (const setting of given.filter(isKnown)) {
    const name = nameOf(setting)
    const read = types[name]!.read(setting.value)
    if (Result.isFailure(read)) return Result.fail(`Bad option: "--trace-config ${name}".\n${read.failure}`)
    values.set(name, read.success.value)
  }
  return Result.succeed(values)
}

/** Several levels as one: `OFF` wins. */
const together = (levels: ReadonlyArray<TraceLevel>): ReadonlyArray<TraceLevel> => {
  const on = (["TIMESTAMPS", "TENSORS"] as const).filter((level) => levels.includes(level))
  return on.length === 0 || levels.includes("OFF") ? ["OFF"] : on
}

const levelsOf = (given: ReadonlyArray<ScopedSetting>): ReadonlyArray<TraceLevel> =>
  given.filter((setting) => nameOf(setting) === "level").map(({ value }) => words[value.toLowerCase()]!)

/** What the options before `--trace-config` are when they were not given. */
const unsaid = { traceFile: "", traceRate: 1000, traceCount: -1, traceLogFrequency: 0 } as const

const isUnsaid = (given: Given): boolean =>
  given.traceConfig.length === 0 && given.traceLevel.length === 0 &&
  (Object.keys(unsaid) as ReadonlyArray<keyof typeof unsaid>).every((name) => given[name] === unsaid[name])

/** What the options say together; `Failure` is a whole error message. @category conversions */
export const read = (given: Given): Result.Result<TraceConfig, string> =>
  Result.map(valuesOf(given.traceConfig), (values) => {
    const get = <A extends string | number>(name: string, otherwise: A): A =>
      values.has(name) ? values.get(name) as A : otherwise
    const levels = levelsOf(given.traceConfig)
    return {
      mode: isUnsaid(given) ? undefined : get<TraceMode>("mode", "triton"),
      level: together(levels.length === 0 ? given.traceLevel : levels),
      rate: get("rate", given.traceRate),
      count: get("count", given.traceCount),
      file: get("triton,file", given.traceFile),
      logFrequency: get("triton,log-frequency", given.traceLogFrequency),
      opentelemetry: given.traceConfig.filter((setting) => setting.scope === "opentelemetry" && isKnown(setting))
        .map(({ key, value }) => [key, value] as const)
    }
  })

const older = [
  ["trace-file", "triton,file"],
  ["trace-level", "level"],
  ["trace-rate", "rate"],
  ["trace-count", "count"],
  ["trace-log-frequency", "triton,log-frequency"]
] as const

/** What of the options has no effect, each a sentence; `names` are the options that were given. @category conversions */
export const warnings = (given: Given, names: ReadonlySet<string>): ReadonlyArray<string> => {
  const config = read(given)
  if (Result.isFailure(config)) return []
  const { file, level, mode, rate } = config.success
  const said = new Set(given.traceConfig.map(nameOf))
  const unknown = given.traceConfig.filter((setting) => !isKnown(setting)).map(nameOf)
  const other = mode === "opentelemetry" ? "triton" : "opentelemetry"
  const idle = given.traceConfig.filter((setting) => setting.scope === other && isKnown(setting)).map(nameOf)
  const traces = mode === "triton" && level[0] !== "OFF"
  const notes = given.traceConfig.filter(isKnown).flatMap((setting) => {
    const name = nameOf(setting)
    const note = Result.getOrThrow(types[name]!.read(setting.value)).note
    return note === undefined ? [] : [`Option '--trace-config ${name}': ${note}`]
  })
  return [
    ...notes,
    ...older.flatMap(([name, setting]) =>
      names.has(name) && said.has(setting)
        ? [`Option '--${name}' has no effect: --trace-config ${setting} takes its place.`]
        : []
    ),
    ...(unknown.length === 0 ? [] : [
      `Option '--trace-config' does not know '${unknown.join("', '")}'. It knows ${Object.keys(types).join(" ")}.`
    ]),
    ...(idle.length === 0 ? [] : [
      `Option '--trace-config' has no effect for '${idle.join("', '")}': the mode is ${mode}. ` +
      `--trace-config mode=${other} changes it.`
    ]),
    ...(traces && file === "" ?
      [
        "Nothing is traced: there is no file to write into. Name one with --trace-config triton,file=trace.json, " +
        "or make spans with --trace-config mode=opentelemetry."
      ] :
      []),
    ...(traces && rate === 0 ? ["Nothing is traced: one request in 0 is none. Set --trace-config rate=1."] : [])
  ]
}
