/** The vocabulary of the options table: what one command-line option is, and the types its values can have. */
import type { Result } from "effect"

/** Sections of the option reference, in the order in which help and docs print them. @category models */
export const groups = [
  "Server and repository",
  "HTTP",
  "TLS",
  "Administration",
  "Execution",
  "Logging",
  "gRPC",
  "Access",
  "Metrics",
  "Tracing",
  "Backends, caches, scheduling and memory",
  "Cloud platforms"
] as const
/** @category models */
export type Group = (typeof groups)[number]

/** How text becomes one value. `Failure` is the reason line of a `Bad option` error. @category models */
export interface ValueType<A> {
  /** Shown in help and docs, such as `int` or `none|poll|explicit`. */
  readonly label: string
  /** `none`: a switch that is named without a value. */
  readonly argument: "required" | "none"
  /** Reads one value; `note` is a warning about how the text was read. */
  readonly read: (text: string) => Result.Result<{ readonly value: A; readonly note?: string }, string>
  /** For completions. */
  readonly choices: ReadonlyArray<string> | undefined
}

/**
 * What giving the option does in this server.
 *
 * - `honoured`: it has its effect.
 * - `partly`: some values have their effect, and others get one warning or are refused.
 * - `pending`: accepted with one warning, because what it concerns is not part of this server yet.
 * - `ignored`: accepted with one warning, because it has no meaning in this server.
 *
 * @category models
 */
export type Status = "honoured" | "partly" | "pending" | "ignored"

/** One option. `A` is the type of its field in `ServerOptions`. @category models */
export interface OptionRow<Name extends string, A> {
  /** Without the dashes. */
  readonly name: Name
  readonly aliases: ReadonlyArray<string>
  readonly type: ValueType<unknown>
  /** May be given several times; every value is kept, in order, the environment's being used only when the command line has none. */
  readonly repeatable: boolean
  /** Splits the value of the environment variable of a repeatable option when it holds no line feed. */
  readonly environmentSeparator: "," | undefined
  readonly default: A
  /** What docs print as the default where the value itself would not tell. */
  readonly defaultText: string | undefined
  readonly unit: string | undefined
  /** One or two sentences for help and docs. */
  readonly doc: string
  readonly group: Group
  /** Whether Triton has an option of this name, as opposed to this server alone. */
  readonly triton: boolean
  readonly status: Status
  /** Why giving this value gets a warning; `undefined` for none. */
  readonly warn: (value: A) => string | undefined
  /** Why this value cannot be accepted, as the reason line of a `Bad option` error. */
  readonly refuse: (value: A) => string | undefined
}

interface Common<Name extends string, A> {
  readonly name: Name
  readonly aliases?: ReadonlyArray<string>
  readonly defaultText?: string
  readonly unit?: string
  readonly doc: string
  readonly group: Group
  readonly triton?: boolean
  /** Sentence part after "has no effect yet: " or "has no effect: ". Makes the row `pending` or `ignored`. */
  readonly pending?: string
  readonly ignored?: string
  /** Makes the row `partly`; with `warn`, that is the default. */
  readonly partly?: boolean
  readonly warn?: (value: A) => string | undefined
  readonly refuse?: (value: A) => string | undefined
}

const common = <const Name extends string, A>(input: Common<Name, A>) => {
  const status: Status = input.pending !== undefined
    ? "pending"
    : input.ignored !== undefined
    ? "ignored"
    : input.partly === true || input.warn !== undefined
    ? "partly"
    : "honoured"
  const always = input.pending !== undefined
    ? `has no effect yet: ${input.pending}`
    : input.ignored !== undefined
    ? `has no effect: ${input.ignored}`
    : undefined
  return {
    name: input.name,
    aliases: input.aliases ?? [],
    defaultText: input.defaultText,
    unit: input.unit,
    doc: input.doc,
    group: input.group,
    triton: input.triton ?? true,
    status,
    warn: input.warn ?? (() => always),
    refuse: input.refuse ?? (() => undefined)
  }
}

/** An option with one value; given several times, the last counts. @category constructors */
export const single = <const Name extends string, A>(
  input: Common<Name, A> & { readonly type: ValueType<NoInfer<A>>; readonly default: A }
): OptionRow<Name, A> => ({
  ...common(input),
  type: input.type,
  repeatable: false,
  environmentSeparator: undefined,
  default: input.default
})

/** An option whose values add up. @category constructors */
export const repeated = <const Name extends string, A>(
  input: Common<Name, ReadonlyArray<A>> & { readonly type: ValueType<A>; readonly environmentSeparator?: "," }
): OptionRow<Name, ReadonlyArray<A>> => ({
  ...common(input),
  type: input.type,
  repeatable: true,
  environmentSeparator: input.environmentSeparator,
  default: []
})

/** The environment variable of an option. @category getters */
export const environmentName = (name: string): string => `GALATEA_${name.toUpperCase().replaceAll("-", "_")}`

/** @category models */
export type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name

/** Key of an option in `ServerOptions`. @category getters */
export const fieldName = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
