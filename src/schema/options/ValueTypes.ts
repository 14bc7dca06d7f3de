/**
 * The types of option values, with Triton's reading of them and its texts.
 *
 * Source: model-config §7.1, §7.2.
 */
import { Result } from "effect"
import type { ValueType } from "./OptionRow.ts"

const type = <A>(
  label: string,
  read: ValueType<A>["read"],
  choices?: ReadonlyArray<string>
): ValueType<A> => ({ label, argument: "required", read, choices })

const readBool = (text: string): boolean | undefined => {
  switch (text.toLowerCase()) {
    case "true":
    case "on":
    case "1":
      return true
    case "false":
    case "off":
    case "0":
      return false
    default:
      return undefined
  }
}

const readBoolOption: ValueType<boolean>["read"] = (text) => {
  const value = readBool(text)
  return value === undefined
    ? Result.fail(`invalid value for bool option: ${text}`)
    : Result.succeed({ value })
}

/** `true|on|1` or `false|off|0`, in any case; the value must be given. @category value types */
export const bool: ValueType<boolean> = type("bool", readBoolOption, ["true", "false"])

/** A switch: naming it means `true`. Its environment variable takes a bool. @category value types */
export const flag: ValueType<boolean> = {
  label: "switch",
  argument: "none",
  read: readBoolOption,
  choices: undefined
}

/** A bool, or the server's own judgement. @category models */
export type AutoBool = "auto" | "true" | "false"

/** `auto`, or a bool. @category value types */
export const autoBool: ValueType<AutoBool> = type("auto|true|false", (text) => {
  if (text.toLowerCase() === "auto") return Result.succeed({ value: "auto" })
  const value = readBool(text)
  return value === undefined
    ? Result.fail(`Invalid option value. Got ${text}\nExpected one of auto, true, false.`)
    : Result.succeed({ value: value ? "true" : "false" })
}, ["auto", "true", "false"])

/** Largest value of a 32-bit integer. @category models */
export const maxInt32 = 2147483647

/**
 * A whole number, read as C's `strtol` does: leading blanks, a sign, digits; what follows the digits is dropped, and a note
 * says so.
 *
 * @category value types
 */
export const int = (
  options: { readonly min?: number; readonly max?: number; readonly unit?: string } = {}
): ValueType<number> => {
  const min = options.min ?? -maxInt32 - 1
  const max = options.max ?? maxInt32
  return type("int", (text) => {
    const match = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)
    if (match === null) {
      return Result.fail(`Invalid option value. Got ${text}\nExpected a whole number.`)
    }
    const value = Number(match[1])
    if (value < min || value > max) {
      return Result.fail(
        `Provided option value is out of bound. Got ${text}\nExpected a whole number from ${min} to ${max}.`
      )
    }
    return match[0].length === text.length
      ? Result.succeed({ value })
      : Result.succeed({ value, note: `'${text}' was read as ${value}` })
  })
}

/** A count of bytes. @category value types */
export const bytes = (options: { readonly min?: number } = {}): ValueType<number> =>
  int({ min: options.min ?? 0, max: Number.MAX_SAFE_INTEGER })

/** A count of bytes where a unit behind the number would be a costly mistake: nothing else may stand there. @category value types */
export const exactBytes: ValueType<number> = type("int", (text) => {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  return Number.isSafeInteger(value)
    ? Result.succeed({ value })
    : Result.fail(
      `Invalid option value. Got ${text}\nExpected a whole number of bytes without a unit, such as 2147483648 for 2 GiB.`
    )
})

/** A TCP port; 0 lets the system choose one. @category value types */
export const port: ValueType<number> = int({ min: 0, max: 65535 })

/** Any text. @category value types */
export const string: ValueType<string> = type("string", (value) => Result.succeed({ value }))

/** A path of the file system. @category value types */
export const path: ValueType<string> = type(
  "path",
  (value) => value === "" ? Result.fail("Invalid option value. Got an empty path") : Result.succeed({ value })
)

/** One of a few words, in any case. `failure` is Triton's text where it has one. @category value types */
export const choice = <const Choice extends string>(
  choices: ReadonlyArray<Choice>,
  failure?: string
): ValueType<Choice> =>
  type(choices.join("|"), (text) => {
    const value = choices.find((choice) => choice.toLowerCase() === text.toLowerCase())
    return value === undefined
      ? Result.fail(failure ?? `Invalid option value. Got ${text}\nExpected one of ${choices.join(", ")}.`)
      : Result.succeed({ value })
  }, choices)

/** A level: a whole number from 0, or a bool for 1 and 0. @category value types */
export const level: ValueType<number> = type("int", (text) => {
  const asBool = readBool(text)
  return asBool === undefined ? int({ min: 0 }).read(text) : Result.succeed({ value: asBool ? 1 : 0 })
})

/** A regular expression, empty for none. @category value types */
export const regex: ValueType<string> = type("regex", (value) => {
  try {
    // RE2's switch for case-sensitive matching is not part of JavaScript's syntax; the front end takes it off as well.
    RegExp(value.replace(/^\(\?-?i\)/, ""))
    return Result.succeed({ value })
  } catch (error) {
    return Result.fail(
      `Invalid option value. Got ${value}\n${error instanceof Error ? error.message : "Expected a regular expression."}`
    )
  }
})

/** `[‹scope›,]‹key›=‹value›`; `scope` is empty where none is given. @category models */
export interface ScopedSetting {
  readonly scope: string
  readonly key: string
  readonly value: string
}

/** A setting of something named: of a backend, a cache, a host policy. @category value types */
export const scopedSetting = (options: {
  readonly label: string
  readonly scope: "optional" | "required"
  readonly malformed: (text: string) => string
  readonly emptyScope: (text: string) => string
}): ValueType<ScopedSetting> =>
  type(options.label, (text) => {
    const equals = text.indexOf("=")
    const comma = text.indexOf(",")
    // A comma after the equals sign belongs to the value.
    const scoped = comma >= 0 && (equals < 0 || comma < equals)
    if (scoped && comma === 0) {
      return Result.fail(options.emptyScope(text))
    }
    if (equals < 0 || (!scoped && options.scope === "required")) {
      return Result.fail(options.malformed(text))
    }
    const key = text.slice(scoped ? comma + 1 : 0, equals)
    return key === "" ? Result.fail(options.malformed(text)) : Result.succeed({
      value: { scope: scoped ? text.slice(0, comma) : "", key, value: text.slice(equals + 1) }
    })
  })

/** `‹number›:‹number›`, such as a GPU and its bytes. @category models */
export interface Numbered {
  readonly device: number
  readonly amount: number
}

/** An amount for one device. @category value types */
export const perDevice = (label: string, readAmount: (text: string) => number): ValueType<Numbered> =>
  type(label, (text) => {
    const match = /^([+-]?\d+):(.+)$/.exec(text)
    const device = Number(match?.[1])
    const amount = readAmount(match?.[2] ?? "")
    if (match === null || !Number.isFinite(amount)) {
      return Result.fail(`Invalid option value. Got ${text}\nExpected ${label}.`)
    }
    return device < 0
      ? Result.fail(`expects device ID >= 0, got ${device}`)
      : Result.succeed({ value: { device, amount } })
  })

/** `‹name›:‹count›[:‹device›]`. @category models */
export interface Resource {
  readonly name: string
  readonly count: number
  readonly device: number | undefined
}

/** A resource of the rate limiter. @category value types */
export const resource: ValueType<Resource> = type("name:count[:device]", (text) => {
  const match = /^([^:]+):(\d+)(?::(\d+))?$/.exec(text)
  return match === null
    ? Result.fail(
      "--rate-limit-resource option format is '<resource_name>:<count>:<device>' or '<resource_name>:<count>'. "
        + `Got ${text}`
    )
    : Result.succeed({
      value: {
        name: match[1]!,
        count: Number(match[2]),
        device: match[3] === undefined ? undefined : Number(match[3])
      }
    })
})

/** Categories of APIs that can be restricted. @category models */
export const restrictedCategories = [
  "health",
  "metadata",
  "inference",
  "shared-memory",
  "model-config",
  "model-repository",
  "statistics",
  "trace",
  "logging"
] as const
/** @category models */
export type RestrictedCategory = (typeof restrictedCategories)[number]

/** Requests to these categories must carry the header with exactly this value. @category models */
export interface Restriction {
  readonly categories: ReadonlyArray<RestrictedCategory>
  readonly header: string
  readonly value: string
}

const isCategory = (text: string): text is RestrictedCategory =>
  (restrictedCategories as ReadonlyArray<string>).includes(text)

/** The beginning of a value that has a secret in it, as far as a message may repeat it: the log would keep it. @category formatting */
export const withoutSecret = (text: string): string => text.replace(/([:=]).*$/s, "$1…")

/** `‹api,api›:‹header›=‹value›`. @category value types */
export const restriction: ValueType<Restriction> = type("api[,api…]:header=value", (text) => {
  const match = /^([^:]+):([^=]+)=(.*)$/s.exec(text)
  if (match === null) {
    return Result.fail(
      `Invalid option value. Got ${withoutSecret(text)}\nExpected api,api:header=value, such as inference:key=secret.`
    )
  }
  const categories = match[1]!.split(",")
  const unknown = categories.find((category) => !isCategory(category))
  return unknown === undefined
    ? Result.succeed({ value: { categories: categories.filter(isCategory), header: match[2]!, value: match[3]! } })
    : Result.fail(
      `Unknown API '${unknown}'. Got ${withoutSecret(text)}\nExpected some of ${restrictedCategories.join(", ")}.`
    )
})

/** Why a list of restrictions is unusable: a category may be in one group only. @category value types */
export const duplicateRestriction = (restrictions: ReadonlyArray<Restriction>): string | undefined => {
  const seen = new Set<string>()
  for (const { categories } of restrictions) {
    for (const category of categories) {
      if (seen.has(category)) {
        return `API '${category}' is restricted twice. Name each API in one group only.`
      }
      seen.add(category)
    }
  }
  return undefined
}
