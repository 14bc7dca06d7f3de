/**
 * Reads words as `getopt_long` does: `--name=value` or `--name value`, unambiguous beginnings of names, `--` as the end of the
 * options, plain words anywhere. Unlike there, a word that is an option is no value of the one before it.
 *
 * Source: model-config §7.1.
 */
import { Result } from "effect"
import { nearest } from "../proto/Suggestion.ts"
import type { AnyRow } from "../ServerOptions.ts"
import { table } from "../ServerOptions.ts"
import { UsageError } from "./UsageError.ts"

/** One option as it was given; `text` is its value. @category models */
export interface GivenOption {
  readonly row: AnyRow
  readonly text: string
}

/** A command line taken apart. @category models */
export interface CommandLine {
  readonly options: ReadonlyArray<GivenOption>
  /** Words that are neither an option nor the value of one. */
  readonly operands: ReadonlyArray<string>
  /** Options of the command line as a whole, `--help` for instance, in the form `--name` or `--name=value`. */
  readonly actions: ReadonlyArray<string>
}

interface Spelling {
  readonly name: string
  readonly argument: "required" | "none"
  readonly row: AnyRow | undefined
}

const common: ReadonlyArray<Spelling> = [
  { name: "help", argument: "none", row: undefined },
  { name: "version", argument: "none", row: undefined },
  { name: "completions", argument: "required", row: undefined },
  ...table.flatMap((row) => [row.name, ...row.aliases].map((name) => ({ name, argument: row.type.argument, row })))
]

const fail = (message: string) => Result.fail(new UsageError({ message }))

const find = (name: string, spellings: ReadonlyArray<Spelling>): Result.Result<Spelling, UsageError> => {
  const exact = spellings.find((spelling) => spelling.name === name)
  if (exact !== undefined) {
    return Result.succeed(exact)
  }
  const begun = name === "" ? [] : spellings.filter((spelling) => spelling.name.startsWith(name))
  const first = begun[0]
  if (first !== undefined) {
    return begun.every(({ row }) => row !== undefined && row === first.row) || begun.length === 1
      ? Result.succeed(first)
      : fail(
        `galatea: option '--${name}' is ambiguous; possibilities: ${begun.map((one) => `'--${one.name}'`).join(" ")}`
      )
  }
  const meant = nearest(name, spellings.map((spelling) => spelling.name))
  return fail(
    `galatea: unrecognized option '--${name}'${meant === undefined ? "" : `\nDid you mean '--${meant}'?`}`
  )
}

/** Also a beginning of several names: nobody means that as a value. */
const isOption = (word: string, spellings: ReadonlyArray<Spelling>): boolean => {
  const name = word.startsWith("--") ? word.slice(2).split("=", 1)[0]! : ""
  return name !== "" && spellings.some((spelling) => spelling.name.startsWith(name))
}

/** Why one value of an option cannot be read, as Triton prints it. @category errors */
export const badOption = (spelled: string, reason: string): UsageError =>
  new UsageError({ message: `Bad option: "${spelled}".\n${reason}` })

/**
 * Takes the words after the command apart. Values are read once here, so that the first wrong word is the one reported.
 * `switches` names what this command alone takes, without a value.
 *
 * @category parsing
 */
export const readWords = (
  words: ReadonlyArray<string>,
  switches: ReadonlyArray<string> = []
): Result.Result<CommandLine, UsageError> => {
  const spellings: ReadonlyArray<Spelling> = [
    ...common,
    ...switches.map((name) => ({ name, argument: "none" as const, row: undefined }))
  ]
  const options: Array<GivenOption> = []
  const operands: Array<string> = []
  const actions: Array<string> = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === "--") {
      operands.push(...words.slice(i + 1))
      break
    }
    if (word === "-h" || word === "-v") {
      actions.push(word === "-h" ? "--help" : "--version")
      continue
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word)
      continue
    }
    if (!word.startsWith("--")) {
      const meant = nearest(word.slice(1).split("=", 1)[0]!, spellings.map((spelling) => spelling.name))
      return fail(
        `galatea: invalid option -- '${word.slice(1, 2)}'${meant === undefined ? "" : `\nDid you mean '--${meant}'?`}`
      )
    }
    const equals = word.indexOf("=")
    const found = find(equals < 0 ? word.slice(2) : word.slice(2, equals), spellings)
    if (Result.isFailure(found)) {
      return Result.fail(found.failure)
    }
    const { argument, name, row } = found.success
    let text = equals < 0 ? undefined : word.slice(equals + 1)
    if (argument === "none") {
      if (text !== undefined) {
        return fail(`galatea: option '--${name}' doesn't allow an argument`)
      }
      text = "true"
    } else if (text === undefined) {
      text = words[++i]
      if (text === undefined) {
        return fail(`galatea: option '--${name}' requires an argument`)
      }
      if (isOption(text, spellings)) {
        return fail(
          `galatea: option '--${name}' requires an argument, and '${text}' is an option of its own`
            + `\nIf it is the value: --${name}=${text}`
        )
      }
    }
    if (row === undefined) {
      actions.push(argument === "none" ? `--${name}` : `--${name}=${text}`)
      continue
    }
    const read = row.type.read(text)
    if (Result.isFailure(read)) {
      return Result.fail(badOption(`--${row.name}`, read.failure))
    }
    options.push({ row, text })
  }
  return Result.succeed({ options, operands, actions })
}
