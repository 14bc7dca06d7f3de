/**
 * The options table as flags of effect/cli, so that help and completions show each of them.
 *
 * effect/cli has no unambiguous beginnings of names, no whole numbers by prefix, no bools that must have a value, and texts of
 * its own. So `schema/options` reads the words first, by Triton's rules, and hands effect/cli the same line with full names and
 * normal values; effect/cli dispatches it to the command and answers `--help`, `--version` and `--completions`.
 */
import { Result } from "effect"
import { Flag } from "effect/cli"
import type { CommandLine, GivenOption } from "../../../schema/options/CommandLine.ts"
import type { AnyRow } from "../../../schema/ServerOptions.ts"
import { table } from "../../../schema/ServerOptions.ts"

/** Value of an option's flag: every text given, in order. @category models */
export type FlagTexts = Readonly<Record<string, ReadonlyArray<string>>>

/** Sentences of help about an option: what it is, its default, and whether it does anything. @category formatting */
export const describe = (row: AnyRow): string => {
  const text = defaultText(row)
  const notes = [
    ...(row.repeatable ? ["may be given several times"] : []),
    ...(text === "" ? [] : [`default: ${text}`]),
    ...(row.status === "pending" ? ["no effect yet"] : row.status === "ignored" ? ["no effect"] : [])
  ]
  return notes.length === 0 ? row.doc : `${row.doc} (${notes.join("; ")})`
}

/** The default as help and docs print it, empty for none. @category formatting */
export const defaultText = (row: AnyRow): string => {
  if (row.defaultText !== undefined) {
    return row.defaultText
  }
  return row.repeatable || row.type.argument === "none" || row.default === "" ? "" : String(row.default)
}

const flagOf = (row: AnyRow, hidden: boolean): Flag.Flag<ReadonlyArray<string>> => {
  const base = row.type.argument === "none"
    ? Flag.Boolean(row.name).pipe(Flag.withoutNegation, Flag.map(String))
    : row.type.choices === undefined
    ? Flag.String(row.name)
    : Flag.Literals(row.name, row.type.choices)
  const named = row.aliases.reduce((flag, alias) => flag.pipe(Flag.withAlias(alias)), base)
  const flag = named.pipe(
    Flag.withMetavar(row.type.argument === "none" ? "" : `<${row.type.label}>`),
    Flag.withDescription(describe(row)),
    hidden ? Flag.withHidden : (self) => self,
    Flag.atLeast(0)
  )
  return flag
}

/** One flag per option; those for which `shown` is false work and are left out of help. @category constructors */
export const flags = (shown: (row: AnyRow) => boolean): Record<string, Flag.Flag<ReadonlyArray<string>>> =>
  Object.fromEntries(table.map((row) => [row.name, flagOf(row, !shown(row))]))

/** The line as effect/cli reads it. @category conversions */
export const toWords = (line: CommandLine): ReadonlyArray<string> => [
  ...line.actions,
  ...line.options.map(({ row, text }) => {
    if (row.type.argument === "none") {
      return `--${row.name}`
    }
    const read = row.type.choices === undefined ? undefined : row.type.read(text)
    return `--${row.name}=${read !== undefined && Result.isSuccess(read) ? String(read.success.value) : text}`
  }),
  ...(line.operands.length === 0 ? [] : ["--", ...line.operands])
]

/** The options out of the flags of effect/cli. @category conversions */
export const fromTexts = (texts: FlagTexts): ReadonlyArray<GivenOption> =>
  table.flatMap((row) => (texts[row.name] ?? []).map((text) => ({ row, text })))
