/** `galatea infer`: asks a model of a running server once, and shows or saves what it answers. */
import { Effect, FileSystem } from "effect"
import type { HttpClient } from "effect/http"
import type { Sequence } from "../../client/InferenceClient.ts"
import type { OutputTensor } from "../../client/Models.ts"
import type { ModelMetadata } from "../../schema/Metadata.ts"
import * as Npy from "../../schema/npy/Npy.ts"
import { nearest } from "../../schema/proto/Suggestion.ts"
import { CliFailure } from "./CliFailure.ts"
import * as Inputs from "./internal/infer/Inputs.ts"
import * as Outputs from "./internal/infer/Outputs.ts"
import { type Output, styles } from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"

/** @category models */
export interface Command extends RunningServer.Target {
  readonly model: string
  /** A number or a label; `undefined`: the one that the server chooses. */
  readonly version: string | undefined
  /** Each as `name=value`, `name=@file.npy` or `name=@file.json`. */
  readonly inputs: ReadonlyArray<string>
  /** Each as `name` or `name=@file.npy`; none: all are shown. */
  readonly outputs: ReadonlyArray<string>
  /** The best so many classes instead of the outputs. */
  readonly top: number | undefined
  /** The step of a sequence that it is. A number is one; anything else, also one in quotes, is text. */
  readonly sequence: { readonly id: string | undefined; readonly start: boolean; readonly end: boolean }
  /** Prints JSON instead of a table. */
  readonly json: boolean
}

const fail = (message: string) => new RunningServer.Unreadable({ message })

/** What a model takes and gives; where there is none of that name, the one that was meant is told. */
const metadataOf = (
  { ask, client }: RunningServer.RunningServer,
  model: string,
  version: string | undefined
): Effect.Effect<ModelMetadata, RunningServer.Unreadable> =>
  Effect.catch(client.modelMetadata(model, { version }), (error) =>
    Effect.gen(function*() {
      const told = yield* Effect.flip(ask(Effect.fail(error)))
      if (error.code !== "NOT_FOUND") return yield* told
      const index = yield* Effect.orElseSucceed(client.repositoryIndex(), () => [])
      const meant = nearest(model, index.map(({ name }) => name).filter((name) => name !== model))
      return yield* meant === undefined ? told : fail(`${told.message} Did you mean '${meant}'?`)
    }))

const wantedOutputs = (
  texts: ReadonlyArray<string>,
  metadata: ModelMetadata
): Effect.Effect<ReadonlyArray<Outputs.Wanted>, RunningServer.Unreadable> =>
  Effect.forEach(texts, (text) => {
    const wanted = Outputs.parse(text)
    if (typeof wanted === "string") return Effect.fail(fail(wanted))
    const names = metadata.outputs.map(({ name }) => name)
    if (names.includes(wanted.name)) return Effect.succeed(wanted)
    const meant = nearest(wanted.name, names)
    return Effect.fail(fail(
      `Model '${metadata.name}' has no output '${wanted.name}'.${
        meant === undefined ? "" : ` Did you mean '${meant}'?`
      } It gives ${names.join(", ")}.`
    ))
  })

const save = (
  files: FileSystem.FileSystem,
  file: string,
  { data, datatype, shape }: OutputTensor
): Effect.Effect<void, RunningServer.Unreadable> =>
  files.writeFile(file, Npy.write(datatype, shape, data)).pipe(
    Effect.mapError((error) => fail(`The file '${file}' cannot be written: ${error.message}`))
  )

const longestNumber = 20

/** The step of a sequence that the flags name. */
const sequenceOf = (
  { end, id, start }: Command["sequence"]
): Effect.Effect<Sequence | undefined, RunningServer.Unreadable> => {
  if (id === undefined) {
    return start || end
      ? Effect.fail(fail("--sequence-start and --sequence-end say nothing without --sequence-id."))
      : Effect.succeed(undefined)
  }
  if (/^-?\d+$/.test(id)) {
    return id.length <= longestNumber && BigInt.asUintN(64, BigInt(id)) === BigInt(id)
      ? Effect.succeed({ id: BigInt(id), start, end })
      : Effect.fail(fail(`--sequence-id takes text, or a whole number from 1 to 2^64 - 1; it was given ${id}.`))
  }
  return Effect.succeed({ id: /^".*"$/s.test(id) ? id.slice(1, -1) : id, start, end })
}

const run = Effect.fnUntraced(function*(command: Command, output: Output) {
  const files = yield* FileSystem.FileSystem
  const server = yield* RunningServer.connect(command)
  const { ask, client } = server
  const { model, top, version } = command
  const sequence = yield* sequenceOf(command.sequence)
  const metadata = yield* metadataOf(server, model, version)
  const wanted = yield* wantedOutputs(command.outputs, metadata)
  const { inputs, notes } = yield* Inputs.read(command.inputs, metadata, files)
  const names = wanted.length > 0 ? wanted.map(({ name }) => name) : metadata.outputs.map(({ name }) => name)
  const response = yield* ask(client.infer(model, inputs as Parameters<typeof client.infer>[1], {
    version,
    sequence,
    outputs: names.map((name) => top === undefined ? name : { name, classification: top })
  }))
  const answered = Object.entries(response.outputs as Readonly<Record<string, OutputTensor>>)
  const fileOf = new Map(wanted.map(({ file, name }) => [name, file]))
  const shown = answered.filter(([name]) => fileOf.get(name) === undefined)
  const style = styles(output)
  for (const note of notes) output.err(`${note}\n`)
  if (command.json) output.out(Outputs.json(shown))
  else {
    output.out(`${style.bold(`${response.modelName} version ${response.modelVersion}`)}\n`)
    if (shown.length > 0) output.out(Outputs.table(shown, output.columns()))
  }
  for (const [name, tensor] of answered) {
    const file = fileOf.get(name)
    if (file === undefined) continue
    yield* save(files, file, tensor)
    output.err(`${name} ${tensor.datatype}[${tensor.shape.join(",")}] was written to ${file}\n`)
  }
})

/** Fails with `CliFailure` when the server refuses, or the command cannot be understood. @category commands */
export const infer = (
  command: Command,
  output: Output
): Effect.Effect<void, CliFailure, HttpClient.HttpClient | FileSystem.FileSystem> =>
  Effect.mapError(run(command, output), ({ message }) => new CliFailure({ message: `galatea infer: ${message}\n` }))

/** What `infer` asks with. @category layers */
export const layer = RunningServer.layer
