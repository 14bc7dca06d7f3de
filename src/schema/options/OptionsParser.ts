/**
 * From words and environment variables to `ServerOptions`.
 *
 * Source: model-config §7.
 */
import { Result } from "effect"
import type { AnyRow, ServerOptions } from "../ServerOptions.ts"
import { table } from "../ServerOptions.ts"
import type { CommandLine } from "./CommandLine.ts"
import { badOption, readWords } from "./CommandLine.ts"
import { crossRules } from "./CrossRules.ts"
import { misspelt, readVariable } from "./Environment.ts"
import { fieldName } from "./OptionRow.ts"
import type { UsageError } from "./UsageError.ts"

/** Options, and one warning for each given one that does not do what its name says. @category models */
export interface Parsed {
  readonly options: ServerOptions
  /** Words that are no options: paths to serve. */
  readonly operands: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
}

type Environment = Readonly<Record<string, string | undefined>>

const readRow = (
  row: AnyRow,
  spelled: string,
  texts: ReadonlyArray<string>,
  warnings: Array<string>
): Result.Result<unknown, UsageError> => {
  const values: Array<unknown> = []
  let note: string | undefined
  for (const text of texts) {
    const read = row.type.read(text)
    if (Result.isFailure(read)) {
      return Result.fail(badOption(spelled, read.failure))
    }
    values.push(read.success.value)
    note = read.success.note
  }
  const value = row.repeatable ? values : values.at(-1)
  const refused = row.refuse(value)
  if (refused !== undefined) {
    return Result.fail(badOption(spelled, refused))
  }
  const warning = row.warn(value)
  if (warning !== undefined) {
    warnings.push(`Option '${spelled}' ${warning}`)
  } else if (note !== undefined) {
    warnings.push(`Option '${spelled}': ${note}`)
  }
  return Result.succeed(value)
}

/** Options of a command line already taken apart, completed from the environment. @category parsing */
export const complete = (line: CommandLine, environment: Environment): Result.Result<Parsed, UsageError> => {
  const options: Record<string, unknown> = {}
  const given = new Set<string>()
  const warnings: Array<string> = []
  for (const row of table) {
    let spelled = `--${row.name}`
    let texts: ReadonlyArray<string> = line.options.filter((option) => option.row === row).map(({ text }) => text)
    if (texts.length === 0) {
      const variable = readVariable(row, environment, warnings)
      if (Result.isFailure(variable)) {
        return Result.fail(variable.failure)
      }
      if (variable.success === undefined) {
        options[fieldName(row.name)] = row.default
        continue
      }
      spelled = variable.success.variable
      texts = variable.success.texts
    }
    given.add(row.name)
    const value = readRow(row, spelled, texts, warnings)
    if (Result.isFailure(value)) {
      return Result.fail(value.failure)
    }
    options[fieldName(row.name)] = value.success
  }
  warnings.push(...misspelt(environment))
  return Result.map(
    crossRules(options as unknown as ServerOptions, given),
    (more): Parsed => ({
      options: options as unknown as ServerOptions,
      operands: line.operands,
      warnings: [...warnings, ...more]
    })
  )
}

/** Reads the words after the command's name, and the environment. @category parsing */
export const parse = (words: ReadonlyArray<string>, environment: Environment): Result.Result<Parsed, UsageError> =>
  Result.flatMap(readWords(words), (line) => complete(line, environment))
