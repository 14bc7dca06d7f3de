/**
 * The command line: `galatea serve`, `check`, `models`, `infer`, `explain`, `codegen`, `options`, and `--help`, `--version`,
 * `--completions`.
 *
 * Without a command's name, options mean `serve`: `galatea --model-repository=…` does what `tritonserver --model-repository=…`
 * does, and then a plain word is an error as there.
 */
import { Console, Effect, Layer, Option, Result } from "effect"
import { Argument, CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import * as CommandLine from "../../schema/options/CommandLine.ts"
import * as OptionsParser from "../../schema/options/OptionsParser.ts"
import { UsageError } from "../../schema/options/UsageError.ts"
import * as Version from "../Version.ts"
import * as Check from "./Check.ts"
import { CliFailure } from "./CliFailure.ts"
import * as Codegen from "./Codegen.ts"
import * as Explain from "./Explain.ts"
import * as HelpFormatter from "./HelpFormatter.ts"
import * as Infer from "./Infer.ts"
import * as Flags from "./internal/Flags.ts"
import * as Output from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"
import * as Models from "./Models.ts"
import * as OptionsDocs from "./OptionsDocs.ts"
import * as Serve from "./Serve.ts"

/** Everything that the commands take from outside. @category models */
export interface Environment extends Serve.Environment, Check.Environment {
  /** Version of the package. */
  readonly version: string
}

/** What is needed of Node's `process`. @category models */
export interface Process {
  readonly stdout: Output.Sink & { readonly on: (event: "error", listener: () => void) => unknown }
  readonly stderr: Output.Sink & { readonly on: (event: "error", listener: () => void) => unknown }
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The commands in a process. @category constructors */
export const environment = (
  process: Process,
  parts: Omit<Environment, "output" | "variables" | "version">
): Environment => {
  // Whoever read the output may be gone, `head` for instance: that is no reason to end the server.
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})
  return {
    ...parts,
    output: Output.make(process.stdout, process.stderr, process.env),
    variables: process.env,
    version: Version.current
  }
}

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

  const explain = Command.make(
    "explain",
    {
      model: Argument.String("model").pipe(Argument.withDescription("Name of the model")),
      ...RunningServer.flags,
      seconds: Flag.Finite("seconds").pipe(
        Flag.optional,
        Flag.withDescription("Take two readings so many seconds apart, and explain what happened in between")
      )
    },
    ({ headers, model, seconds, url }) =>
      Explain.explain({ model, url, headers, seconds: Option.getOrUndefined(seconds) }, environment.output)
  ).pipe(
    Command.provide(Explain.layer),
    Command.withDescription("Say what the batcher of a model does on a running server, and what to change"),
    Command.withExamples([
      { command: "galatea explain simple", description: "Since the model was loaded" },
      { command: "galatea explain simple --seconds 10 --url http://host:8000", description: "The next 10 seconds" }
    ])
  )

  const models = Command.make("models", RunningServer.flags, (flags) => Models.models(flags, environment.output)).pipe(
    Command.provide(Models.layer),
    Command.withDescription("List the models of a running server, with what each takes and gives"),
    Command.withExamples([{ command: "galatea models --url http://host:8000" }])
  )

  const infer = Command.make(
    "infer",
    {
      model: Argument.String("model").pipe(Argument.withDescription("Name of the model")),
      inputs: Flag.String("input").pipe(
        Flag.withMetavar("<name=value>"),
        Flag.atLeast(0),
        Flag.withDescription("Input: name=value, name=@file.npy or name=@file.json (once for each)")
      ),
      outputs: Flag.String("output").pipe(
        Flag.withMetavar("<name[=@file.npy]>"),
        Flag.atLeast(0),
        Flag.withDescription("Output to show, or to write to a file (default: all are shown)")
      ),
      version: Flag.String("model-version").pipe(
        Flag.optional,
        Flag.withDescription("Version of the model (default: the highest that is ready)")
      ),
      top: Flag.Int("top").pipe(
        Flag.optional,
        Flag.withDescription("Show the best so many classes instead of the outputs")
      ),
      json: Flag.Boolean("json").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("Print the outputs as JSON")
      ),
      ...RunningServer.flags
    },
    ({ top, version, ...flags }) =>
      Infer.infer(
        { ...flags, top: Option.getOrUndefined(top), version: Option.getOrUndefined(version) },
        environment.output
      )
  ).pipe(
    Command.provide(Infer.layer),
    Command.withDescription("Ask a model of a running server once, and show or save what it answers"),
    Command.withExamples([
      { command: "galatea infer simple --input INPUT0=@a.npy --input 'INPUT1=[[1,2,3]]' --output OUTPUT0=@sum.npy" },
      { command: "galatea infer classifier --input 0.1,0.7,0.2,0 --top 3", description: "A model with one input" }
    ])
  )

  const codegen = Command.make(
    "codegen",
    {
      source: Argument.String("source").pipe(
        Argument.withDescription("Address of a running server, such as http://host:8000, or a model repository")
      ),
      file: Flag.String("out").pipe(
        Flag.withMetavar("<file.ts>"),
        Flag.optional,
        Flag.withDescription("Module to write (default: standard output)")
      ),
      check: Flag.Boolean("check").pipe(
        Flag.withDefault(false),
        Flag.withoutNegation,
        Flag.withDescription("Write nothing; say how the models drifted from the module, and exit with 1 if they did")
      ),
      headers: RunningServer.flags.headers
    },
    ({ file, ...flags }) => Codegen.codegen({ ...flags, file: Option.getOrUndefined(file) }, environment)
  ).pipe(
    Command.provide(Codegen.layer),
    Command.withDescription("Write a TypeScript module with the types of every model, for the client of this package"),
    Command.withExamples([
      { command: "galatea codegen http://host:8000 --out models.ts" },
      { command: "galatea codegen ./models --out models.ts --check", description: "In CI, from a repository" }
    ])
  )

  const options = Command.make("options", {}, () => Console.log(OptionsDocs.render().trimEnd())).pipe(
    Command.withDescription("Print the reference of all options as Markdown")
  )

  return Command.make("galatea").pipe(
    Command.withDescription("Inference server for ONNX models: KServe V2 over HTTP, with Triton's extensions"),
    Command.withSubcommands([serve, check, models, infer, explain, codegen, options])
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
