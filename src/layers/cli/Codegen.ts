/** `galatea codegen`: writes the models of a server or a repository as a TypeScript module, or tells how they drifted from one. */
import { Effect, FileSystem } from "effect"
import type { HttpClient } from "effect/http"
import { codes } from "../../schema/Errors.ts"
import * as OptionsParser from "../../schema/options/OptionsParser.ts"
import type * as Check from "./Check.ts"
import { CliFailure } from "./CliFailure.ts"
import * as Descriptions from "./internal/codegen/Descriptions.ts"
import * as Drift from "./internal/codegen/Drift.ts"
import * as Module from "./internal/codegen/Module.ts"
import type { Output } from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"
import { withOperands } from "./Serve.ts"

/** @category models */
export interface Command {
  /** Address of a running server, or a model repository. */
  readonly source: string
  /** Where the module is written; `undefined`: to standard output. */
  readonly file: string | undefined
  /** Writes nothing; fails where the module is not up to date. */
  readonly check: boolean
  /** Headers of every request, each as `name: value`. */
  readonly headers: ReadonlyArray<string>
}

const fail = (message: string) => new RunningServer.Unreadable({ message })

const fromRepository = (path: string, environment: Check.Environment) =>
  Effect.gen(function*() {
    const parsed = yield* Effect.fromResult(
      OptionsParser.complete({ options: [], operands: [path], actions: [] }, environment.variables)
    ).pipe(Effect.mapError(({ message }) => fail(message)))
    const rows = yield* environment.check(withOperands(parsed), { onEvent: () => Effect.void }).pipe(
      Effect.mapError(({ code, message }) => fail(`${codes[code].prefix}: ${message}`))
    )
    return Descriptions.fromRows(rows)
  })

const isAddress = (source: string): boolean => source.includes("://")

const run = Effect.fnUntraced(function*(command: Command, environment: Check.Environment, output: Output) {
  const files = yield* FileSystem.FileSystem
  const { check, file, headers, source } = command
  const isFolder = !isAddress(source) && (yield* Effect.orElseSucceed(files.exists(source), () => false))
  const { leftOut, models } = isFolder
    ? yield* fromRepository(source, environment)
    : yield* Effect.flatMap(
      RunningServer.connect({ url: source, headers }, "name another server or a folder of models"),
      Descriptions.fromServer
    )
  for (const line of leftOut) output.err(`${line}\n`)
  if (Object.keys(models).length === 0) return yield* fail(`There is no model that is ready in ${source}.`)
  if (file === undefined) {
    if (check) return yield* fail("--check needs the module that it checks: --out models.ts.")
    return output.out(Module.render(models))
  }
  if (check) return yield* compare(files, file, source, models, output)
  yield* files.writeFileString(file, Module.render(models)).pipe(
    Effect.mapError((error) => fail(`The file '${file}' cannot be written: ${error.message}`))
  )
  const count = Object.keys(models).length
  return output.err(`${file}: ${count} ${count === 1 ? "model" : "models"} of ${source}\n`)
})

const compare = Effect.fnUntraced(function*(
  files: FileSystem.FileSystem,
  file: string,
  source: string,
  models: Descriptions.Described["models"],
  output: Output
) {
  const text = yield* files.readFileString(file).pipe(
    Effect.mapError((error) => fail(`The file '${file}' cannot be read: ${error.message}`))
  )
  const before = yield* Effect.mapError(
    Effect.fromResult(Module.read(text)),
    (reason) => fail(`The file '${file}' was not written by 'galatea codegen', or changed since: ${reason}.`)
  )
  const drift = Drift.between(before, models)
  if (drift.length === 0) return output.out(`${file} is up to date with ${source}.\n`)
  output.out(drift.map((line) => `${line}\n`).join(""))
  return yield* fail(
    `${file} is not up to date with ${source}. Write it again: galatea codegen ${source} --out ${file}`
  )
})

/** Fails with `CliFailure` where there is nothing to write, or the module is not up to date. @category commands */
export const codegen = (
  command: Command,
  environment: Check.Environment
): Effect.Effect<void, CliFailure, HttpClient.HttpClient | FileSystem.FileSystem> =>
  Effect.mapError(
    run(command, environment, environment.output),
    ({ message }) => new CliFailure({ message: `galatea codegen: ${message}\n` })
  )

/** What `codegen` asks with. @category layers */
export const layer = RunningServer.layer
