/**
 * The command line: `galatea serve`, `check`, `models`, `top`, `infer`, `explain`, `codegen`, `index`, `key`, `options`,
 * and `--help`, `--version`, `--completions`.
 *
 * Without a command's name, options mean `serve`: `galatea --model-repository=…` does what `tritonserver --model-repository=…`
 * does, and then a plain word is an error as there.
 */
import { Effect, Result } from "effect"
import * as CommandLine from "../../schema/options/CommandLine.ts"
import * as OptionsParser from "../../schema/options/OptionsParser.ts"
import { UsageError } from "../../schema/options/UsageError.ts"
import * as Version from "../Version.ts"
import type * as Check from "./Check.ts"
import { CliFailure } from "./CliFailure.ts"
import * as Output from "./internal/Output.ts"
import * as Usage from "./internal/Usage.ts"
import type * as Serve from "./Serve.ts"

/** Everything that the commands take from outside. @category models */
export interface Environment extends Serve.Environment, Check.Environment {
  /** Version of the package. */
  readonly version: string
}

/** What is needed of Node's `process`. @category models */
export interface Process {
  readonly stdout: Output.Sink
  readonly stderr: Output.Sink
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The commands in a process. @category constructors */
export const environment = (
  process: Process,
  parts: Omit<Environment, "output" | "variables" | "version">
): Environment => ({
  ...parts,
  output: Output.make(process.stdout, process.stderr, process.env),
  variables: process.env,
  version: Version.current
})

/** What the words ask for: to serve, or a command that effect/cli knows, whose name is followed by options of the server. */
type Asked =
  | { readonly _tag: "Serve"; readonly line: CommandLine.CommandLine }
  | { readonly _tag: "Command"; readonly words: ReadonlyArray<string>; readonly line?: CommandLine.CommandLine }

/** Reads the words as far as they are options of the server: the command's name, then the line with full names. */
const read = (words: ReadonlyArray<string>): Result.Result<Asked, CliFailure> => {
  const [first, ...rest] = words
  const named = first === "serve" || first === "check" || first === "options"
  const implied = first !== undefined && first.startsWith("-")
  if (!named && !implied) {
    return Result.succeed({ _tag: "Command", words })
  }
  const usage: Usage.Usage = named ? first : "implied"
  const fail = (message: string) => Result.fail(Usage.failure(usage, new UsageError({ message })))
  const read = CommandLine.readWords(named ? rest : words, usage === "check" ? ["print-config"] : [])
  if (Result.isFailure(read)) {
    return Result.fail(Usage.failure(usage, read.failure))
  }
  const line = read.success
  if (!named && line.options.length === 0) {
    return line.operands[0] === undefined
      ? Result.succeed({ _tag: "Command", words: [], line })
      : fail(`Unexpected argument: ${line.operands[0]}`)
  }
  if ((!named || first === "options") && line.operands[0] !== undefined) {
    return fail(`Unexpected argument: ${line.operands[0]}`)
  }
  return (!named || first === "serve") && line.actions.length === 0
    ? Result.succeed({ _tag: "Serve", line })
    : Result.succeed({ _tag: "Command", words: [named ? first : "serve"], line })
}

/** Without effect/cli, which has nothing to add to this line and takes a good part of a start to load and to be told of every option. */
const serve = (line: CommandLine.CommandLine, environment: Environment) =>
  Effect.fromResult(OptionsParser.complete(line, environment.variables)).pipe(
    Effect.mapError((error) => Usage.failure("serve", error)),
    Effect.flatMap((parsed) =>
      Effect.promise(() => import("./Serve.ts")).pipe(Effect.flatMap(({ serve }) => serve(parsed, environment)))
    )
  )

/** Runs the command that the words ask for. Everything that can go wrong as expected is told here; what fails here exits with 1. @category commands */
export const run = (words: ReadonlyArray<string>, environment: Environment) =>
  Effect.fromResult(read(words)).pipe(
    Effect.flatMap((asked) =>
      asked._tag === "Serve" ?
        serve(asked.line, environment) :
        Effect.promise(() => import("./internal/Commands.ts")).pipe(
          Effect.flatMap((commands) => commands.run(asked.words, asked.line, environment))
        )
    ),
    Effect.tapError((error) =>
      Effect.sync(() => {
        if (error instanceof CliFailure && error.message !== "") {
          environment.output.err(error.message)
        }
      })
    )
  )
