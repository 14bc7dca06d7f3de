/**
 * The command line: `galatea serve`, `check`, `models`, `top`, `infer`, `explain`, `codegen`, `index`, `key`, `options`,
 * and `--help`, `--version`, `--completions`.
 *
 * Without a command's name, options mean `serve`: `galatea --model-repository=…` does what `tritonserver --model-repository=…`
 * does, and then a plain word is an error as there.
 */
import { Console, Effect, Layer, Result } from "effect"
import { Argument, CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import * as CommandLine from "../../schema/options/CommandLine.ts"
import * as OptionsParser from "../../schema/options/OptionsParser.ts"
import { UsageError } from "../../schema/options/UsageError.ts"
import * as Version from "../Version.ts"
import * as Check from "./Check.ts"
import { CliFailure } from "./CliFailure.ts"
import * as HelpFormatter from "./HelpFormatter.ts"
import * as Index from "./Index.ts"
import * as ClientCommands from "./internal/ClientCommands.ts"
import * as Flags from "./internal/Flags.ts"
import * as KeyCommands from "./internal/KeyCommands.ts"
import * as Output from "./internal/Output.ts"
import * as OptionsDocs from "./OptionsDocs.ts"
import * as Serve from "./Serve.ts"

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

const usages = {
  serve: "Usage: galatea serve [<path>…] [--<option>=<value>…]",
  check: "Usage: galatea check [<path>…] [--print-config] [--<option>=<value>…]",
  options: "Usage: galatea options",
  implied: "Usage: galatea --model-repository=<path> [--<option>=<value>…]"
} as const

type Usage = keyof typeof usages

const usageFailure = (usage: Usage, { message }: UsageError): CliFailure => {
  const command = usage === "implied" ? "serve" : usage
  return new CliFailure({
    message: `${usages[usage]}\nAll options: galatea ${command} --help\n\n${message}\n`
  })
}

const command = (environment: Environment) => {
  const paths = (name: string, description: string) =>
    Argument.String(name).pipe(Argument.withDescription(description), Argument.variadic())

  const parsed = (options: Flags.FlagTexts, operands: ReadonlyArray<string>, usage: Usage) =>
    Effect.fromResult(
      OptionsParser.complete({ options: Flags.fromTexts(options), operands, actions: [] }, environment.variables)
    ).pipe(Effect.mapError((error) => usageFailure(usage, error)))

  const serve = Command.make("serve", {
    paths: paths("path", "Model repository, .onnx file, or folder with one .onnx file"),
    options: Flags.flags(() => true)
  }, ({ options, paths }) => Effect.flatMap(parsed(options, paths, "serve"), (one) => Serve.serve(one, environment)))
    .pipe(
      Command.withDescription("Serve models until SIGINT or SIGTERM"),
      Command.withExamples([
        { command: "galatea serve ./models", description: "Serve every model of a repository" },
        { command: "galatea serve model.onnx", description: "Serve one file, without repository or config" },
        { command: "galatea serve ./models --http-port=9000 --exit-on-error=false" }
      ])
    )

  const check = Command.make("check", {
    paths: paths("path", "Model repository, .onnx file, or folder with one .onnx file"),
    printConfig: Flag.Boolean("print-config").pipe(
      Flag.withDefault(false),
      Flag.withoutNegation,
      Flag.withDescription("Print the final config of each model as JSON")
    ),
    options: Flags.flags((row) => Check.optionNames.has(row.name))
  }, ({ options, paths, printConfig }) =>
    Effect.flatMap(
      parsed(options, paths, "check"),
      (one) => Check.check(one, { printConfig }, environment)
    )).pipe(
      Command.withDescription(
        "Validate every model without serving; exit 1 if any could not be served. Takes the options of serve; those below matter."
      ),
      Command.withExamples([{ command: "galatea check ./models --print-config" }])
    )

  const index = Command.make("index", {
    folder: Argument.String("folder").pipe(Argument.withDescription("Folder with one sub-directory per model"))
  }, ({ folder }) => Index.index(folder, environment)).pipe(
    Command.withDescription(
      "Write index.json into a folder of models, so that a web server of plain files can serve it as a repository"
    ),
    Command.withExamples([
      {
        command: "galatea index ./models",
        description: "Then serve the folder, and: galatea serve https://host/models"
      }
    ])
  )

  const options = Command.make("options", {}, () => Console.log(OptionsDocs.render().trimEnd())).pipe(
    Command.withDescription("Print the reference of all options as Markdown")
  )

  return Command.make("galatea").pipe(
    Command.withDescription("Inference server for ONNX models: KServe V2 over HTTP, with Triton's extensions"),
    Command.withSubcommands([
      serve,
      check,
      ...ClientCommands.make(environment),
      index,
      KeyCommands.make(environment),
      options
    ])
  )
}

/** The words for effect/cli: the command's name, then the line with full names. */
const canonical = (words: ReadonlyArray<string>): Result.Result<ReadonlyArray<string>, CliFailure> => {
  const [first, ...rest] = words
  const named = first === "serve" || first === "check" || first === "options"
  const implied = first !== undefined && first.startsWith("-")
  if (!named && !implied) {
    return Result.succeed(words)
  }
  const usage: Usage = named ? first : "implied"
  const fail = (message: string) => Result.fail(usageFailure(usage, new UsageError({ message })))
  const read = CommandLine.readWords(named ? rest : words, usage === "check" ? ["print-config"] : [])
  if (Result.isFailure(read)) {
    return Result.fail(usageFailure(usage, read.failure))
  }
  const line = read.success
  if (!named && line.options.length === 0) {
    return line.operands[0] === undefined
      ? Result.succeed(Flags.toWords(line))
      : fail(`Unexpected argument: ${line.operands[0]}`)
  }
  if ((!named || first === "options") && line.operands[0] !== undefined) {
    return fail(`Unexpected argument: ${line.operands[0]}`)
  }
  return Result.succeed([named ? first : "serve", ...Flags.toWords(line)])
}

/** Runs the command that the words ask for. Everything that can go wrong as expected is told here; what fails here exits with 1. @category commands */
export const run = (words: ReadonlyArray<string>, environment: Environment) => {
  const { output } = environment
  const formatter = HelpFormatter.make({ colors: output.rich, columns: Math.min(output.columns() ?? 100, 120) })
  return Effect.fromResult(canonical(words)).pipe(
    Effect.flatMap(Command.runWith(command(environment), { version: environment.version })),
    Effect.tapError((error) =>
      Effect.sync(() => {
        if (error instanceof CliFailure && error.message !== "") {
          output.err(error.message)
        }
      })
    ),
    Effect.provide(Layer.mergeAll(
      CliOutput.layer(formatter),
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
    ))
  )
}
