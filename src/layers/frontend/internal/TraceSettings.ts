/** The trace extension, apart from how each protocol writes it. Source: protocol §3.7, §7.7, scheduling §10.3. */
import { Effect, Result } from "effect"
import { InvalidRequest, type ModelNotFound, Unsupported } from "../../../schema/Errors.ts"
import { maxInt32 } from "../../../schema/options/ValueTypes.ts"
import type { TraceChange, TraceLevel, TraceSetting } from "../../../schema/TraceSetting.ts"
import { isNotResident, type ModelRepository } from "../../../services/ModelRepository.ts"
import { Tracing } from "../../../services/Tracing.ts"

/** @internal */
export type SettingsFailure = InvalidRequest | ModelNotFound | Unsupported

const isTogetherWithOff = (level: TraceChange["level"]): boolean =>
  level !== undefined && level !== null && level.length > 1 && level.includes("OFF")

const togetherWithOff = (): InvalidRequest =>
  new InvalidRequest({ message: "Expect only one trace level 'OFF' is specified" })

/** A model is named, or `""` for all that have no settings of their own. @internal */
export interface TraceSettings {
  readonly of: (model: string) => Result.Result<TraceSetting, SettingsFailure>
  readonly change: (model: string, change: TraceChange) => Result.Result<TraceSetting, SettingsFailure>
}

const nameOf = (model: string): string | undefined => model === "" ? undefined : model

/** Nothing is set: what a model has of its own is cleared, or read. */
const onlyClears = (change: TraceChange): boolean =>
  Object.values(change).every((value) => value === undefined || value === null)

/**
 * Settings of what the context traces. Models must be ready; those that are not, and have settings of their own still, can be asked
 * for them and have them cleared.
 *
 * @internal
 */
export const make = (repository: ModelRepository["Service"]): Effect.Effect<TraceSettings> =>
  Effect.map(Tracing, ({ settings }) => {
    const ready = (model: string): Result.Result<void, SettingsFailure> => {
      if (model === "") return Result.void
      const found = repository.lookup(model, "")
      if (Result.isSuccess(found) || isNotResident(found.failure)) return Result.void
      return found.failure._tag === "ModelNotFound"
        ? Result.fail(found.failure)
        : Result.fail(new InvalidRequest({ message: `Request for unknown model : ${model}` }))
    }
    return {
      of: (model) => Result.map(settings.isOwn(model) ? Result.void : ready(model), () => settings.of(nameOf(model))),
      change: (model, change) =>
        Result.flatMap(
          onlyClears(change) && settings.isOwn(model) ? Result.void : ready(model),
          () =>
            isTogetherWithOff(change.level)
              ? Result.fail(togetherWithOff())
              : settings.change(nameOf(model), change)
        )
    }
  })

/** The settings by their names, each a list of texts; all but the level have one. @internal */
export const entries = (
  setting: TraceSetting
): ReadonlyArray<readonly [name: string, values: ReadonlyArray<string>]> => [
  ["trace_level", setting.level],
  ["trace_rate", [String(setting.rate)]],
  ["trace_count", [String(setting.count)]],
  ...(setting.mode === "triton"
    ? [["log_frequency", [String(setting.logFrequency)]], ["trace_file", [setting.file]]] as const
    : []),
  ["trace_mode", [setting.mode]],
  ...(setting.mode === "opentelemetry" ? setting.opentelemetry.map(([name, value]) => [name, [value]] as const) : [])
]

const integer = (name: string, text: string, range: string): number => {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new InvalidRequest({ message: `Unable to parse '${name}', got: ${text}` })
  const value = Number(text)
  if (value < -maxInt32 - 1 || value > maxInt32) throw outOfRange(name, text, range)
  return value
}

const outOfRange = (name: string, text: string, range: string): InvalidRequest =>
  new InvalidRequest({ message: `Unable to parse '${name}', value is out of range [ ${range} ], got: ${text}` })

const unsigned = (name: string, text: string): number => {
  const range = "0, 4294967295"
  const value = integer(name, text, range)
  if (value < 0) throw outOfRange(name, text, range)
  return value
}

/** `gap` stands before the value in one of the messages. */
const count = (text: string, gap: string): number => {
  const value = integer("trace_count", text, "-1, 2147483647")
  if (value >= -1) return value
  throw new InvalidRequest({ message: `Unable to parse 'trace_count'. Expecting value >= -1, got:${gap}${text}` })
}

/** Words that are no levels are passed over, as in Triton; `undefined`: there are no others. */
const level = (words: ReadonlyArray<string>): ReadonlyArray<TraceLevel> | undefined => {
  if (words.includes("OFF")) {
    if (words.length === 1) return ["OFF"]
    throw togetherWithOff()
  }
  const levels = (["TIMESTAMPS", "TENSORS"] as const).filter((one) => words.includes(one))
  return levels.length === 0 ? undefined : levels
}

/** Entries that a list of levels may have: more than there are levels, for words that are none are passed over. @internal */
export const maxLevels = 64

/** A list of levels that is no longer than one may be; throws `InvalidRequest` else. @internal */
export const fewLevels = <A>(words: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (words.length <= maxLevels) return words
  throw new InvalidRequest({ message: `Expect at most ${maxLevels} entries in 'trace_level', got: ${words.length}` })
}

/** What a request says of one setting: how it is read out of the protocol's own form. @internal */
export interface Given {
  /** The request says something of it. */
  readonly has: (name: string) => boolean
  /** `null`: it is cleared. Throws where there is anything but one text. */
  readonly text: (name: string) => string | null
  /** `null`: it is cleared. Throws where there is anything but texts, or too many of them for levels. */
  readonly texts: (name: string) => ReadonlyArray<string> | null
  /** Stands between a colon and the value in the message about a count that is too small. */
  readonly gap: "" | " "
}

/** What a request changes. Throws `InvalidRequest` and `Unsupported`, in the order in which Triton looks. @internal */
export const changeOf = ({ gap, has, text, texts }: Given): TraceChange => {
  if (has("trace_file")) {
    throw new Unsupported({ message: "trace file location can not be updated through network protocol" })
  }
  const read = <A>(name: string, value: () => A | null): A | null | undefined => has(name) ? value() : undefined
  const number = (name: string, parse: (text: string) => number) =>
    read(name, () => {
      const given = text(name)
      return given === null ? null : parse(given)
    })
  const levels = read("trace_level", () => {
    const given = texts("trace_level")
    return given === null ? null : level(given)
  })
  const rate = number("trace_rate", (given) => unsigned("trace_rate", given))
  const most = number("trace_count", (given) => count(given, gap))
  const logFrequency = number("log_frequency", (given) => unsigned("log_frequency", given))
  return {
    ...(levels === undefined ? {} : { level: levels }),
    ...(rate === undefined ? {} : { rate }),
    ...(most === undefined ? {} : { count: most }),
    ...(logFrequency === undefined ? {} : { logFrequency })
  }
}
