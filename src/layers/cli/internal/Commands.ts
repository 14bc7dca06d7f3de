/** Every command as effect/cli knows it: arguments, flags and help. */
import { Console, Effect, Layer } from "effect"
import { Argument, CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import type { CommandLine } from "../../../schema/options/CommandLine.ts"
import * as OptionsParser from "../../../schema/options/OptionsParser.ts"
import * as Check from "../Check.ts"
import type { Environment } from "../Cli.ts"
import * as HelpFormatter from "../HelpFormatter.ts"
import * as Index from "../Index.ts"
import * as OptionsDocs from "../OptionsDocs.ts"
import * as ClientCommands from "./ClientCommands.ts"
import * as Flags from "./Flags.ts"
import * as KeyCommands from "./KeyCommands.ts"
import * as Usage from "./Usage.ts"

const paths = Argument.String("path").pipe(
  Argument.withDescription("Model repository, .onnx file, or folder with one .onnx file"),
  Argument.variadic()
)

const command = (environment: Environment) => {
  const parsed = (options: Flags.FlagTexts, operands: ReadonlyArray<string>, usage: Usage.Usage) =>
    Effect.fromResult(
      OptionsParser.complete({ options: Flags.fromTexts(options), operands, actions: [] }, environment.variables)
    ).pipe(Effect.mapError((error) => Usage.failure(usage, error)))

  const serve = Command.make(
    "serve",
    { paths, options: Flags.flags(() => true) },
    ({ options, paths }) =>
      Effect.flatMap(parsed(options, paths, "serve"), (one) =>
        Effect.promise(() => import("../Serve.ts")).pipe(
          Effect.flatMap(({ serve }) => serve(one, environment))
        ))
  ).pipe(
    Command.withDescription("Serve models until SIGINT or SIGTERM"),
    Command.withExamples([
      { command: "galatea serve ./models", description: "Serve every model of a repository" },
      { command: "galatea serve model.onnx", description: "Serve one file, without repository or config" },
      { command: "galatea serve ./models --http-port=9000 --exit-on-error=false" }
    ])
  )

  const check = Command.make("check", {
    paths,
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

/** Runs the command that the words ask for; `line` follows them. @internal */
export const run = (words: ReadonlyArray<string>, line: CommandLine | undefined, environment: Environment) => {
  const { output } = environment
  const formatter = HelpFormatter.make({ colors: output.rich, columns: Math.min(output.columns() ?? 100, 120) })
  return Command.runWith(command(environment), { version: environment.version })([
    ...words,
    ...(line === undefined ? [] : Flags.toWords(line))
  ]).pipe(
    Effect.provide(Layer.mergeAll(
      CliOutput.layer(formatter),
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
    ))
  )
}
