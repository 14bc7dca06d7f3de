/**
 * Options from environment variables: `GALATEA_` and the option's name in capitals, dashes as underscores.
 *
 * - An empty variable counts as not set.
 * - A switch takes a bool.
 * - A repeatable option takes one value per line. Where its values cannot hold a comma by their form (paths of repositories,
 *   names, resources), a variable without a line feed is split at commas instead.
 * - The command line wins over the environment, option by option.
 */
import { Result } from "effect"
import { nearest } from "../proto/Suggestion.ts"
import type { AnyRow } from "../ServerOptions.ts"
import { table } from "../ServerOptions.ts"
import { badOption } from "./CommandLine.ts"
import { environmentName } from "./OptionRow.ts"
import type { UsageError } from "./UsageError.ts"

/** Texts of one option, and the variable they came from. @category models */
export interface FromEnvironment {
  readonly variable: string
  readonly texts: ReadonlyArray<string>
}

const known: ReadonlySet<string> = new Set(
  table.flatMap((row) => [row.name, ...row.aliases].map((name) => environmentName(name)))
)

/** Kubernetes sets such variables for every service of the namespace: `GALATEA_HTTP_PORT` for one called `galatea-http`. */
const serviceLink = /^(?:tcp|udp|sctp):\/\//

const split = (row: AnyRow, text: string): ReadonlyArray<string> => {
  if (!row.repeatable) {
    return [text]
  }
  const parts = text.includes("\n") || row.environmentSeparator === undefined
    ? text.split(/\r?\n/)
    : text.split(row.environmentSeparator)
  return parts.map((part) => part.trim()).filter((part) => part !== "")
}

/** The option's texts from the environment, `undefined` where it is not set there. @category parsing */
export const readVariable = (
  row: AnyRow,
  environment: Readonly<Record<string, string | undefined>>,
  warnings: Array<string>
): Result.Result<FromEnvironment | undefined, UsageError> => {
  const variable = [row.name, ...row.aliases].map(environmentName).find((name) => (environment[name] ?? "") !== "")
  if (variable === undefined) {
    return Result.succeed(undefined)
  }
  const text = environment[variable]!
  if (serviceLink.test(text) && Result.isFailure(row.type.read(text))) {
    warnings.push(
      `${variable} is ignored: '${text}' is what Kubernetes sets for a service, not a value of '--${row.name}'.`
    )
    return Result.succeed(undefined)
  }
  const texts = split(row, text)
  for (const one of texts) {
    const read = row.type.read(one)
    if (Result.isFailure(read)) {
      return Result.fail(badOption(variable, read.failure))
    }
  }
  return Result.succeed(texts.length === 0 ? undefined : { variable, texts })
}

/** A warning for each variable that looks like a misspelt option. @category parsing */
export const misspelt = (environment: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  Object.keys(environment).flatMap((variable) => {
    if (!variable.startsWith("GALATEA_") || known.has(variable) || (environment[variable] ?? "") === "") {
      return []
    }
    const meant = nearest(variable.slice(8), [...known].map((name) => name.slice(8)))
    return meant === undefined || serviceLink.test(environment[variable] ?? "")
      ? []
      : [`${variable} is not an option. Did you mean GALATEA_${meant}?`]
  })
