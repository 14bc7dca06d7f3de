/** `galatea models`: what a running server has, what it takes, and why something is not ready. */
import { Effect } from "effect"
import type { HttpClient } from "effect/http"
import type { IndexEntry } from "../../client/Reports.ts"
import type { ModelMetadata, TensorMetadata } from "../../schema/Metadata.ts"
import { CliFailure } from "./CliFailure.ts"
import type { Output } from "./internal/Output.ts"
import * as RunningServer from "./internal/RunningServer.ts"
import * as TextTable from "./internal/TextTable.ts"

/** @category models */
export interface Command extends RunningServer.Target {}

const tensors = (list: ReadonlyArray<TensorMetadata>): string =>
  list.map(({ datatype, name, shape }) => `${name} ${datatype}[${shape.join(",")}]`).join(", ")

const takesAndGives = ({ inputs, outputs }: ModelMetadata): string => `${tensors(inputs)} → ${tensors(outputs)}`

const run = Effect.fnUntraced(function*(command: Command, output: Output) {
  const { ask, client, url } = yield* RunningServer.connect(command)
  const index = yield* ask(client.repositoryIndex())
  const ready = [...new Set(index.flatMap(({ name, state }) => state === "READY" ? [name] : []))]
  const metadata = new Map(
    yield* Effect.forEach(
      ready,
      (name) => Effect.map(ask(client.modelMetadata(name)), (known) => [name, known] as const),
      {
        concurrency: 8
      }
    )
  )
  const details = ({ name, reason, state }: IndexEntry): string => {
    const known = metadata.get(name)
    return state === "READY" && known !== undefined ? takesAndGives(known) : (reason ?? "").trimEnd().split("\n", 1)[0]!
  }
  if (index.length === 0) {
    output.out(`The server at ${url} has no models.\n`)
    return
  }
  output.out(TextTable.render(
    ["Model", "Version", "State", "Inputs → outputs, or the reason"],
    index.map((entry) => [entry.name, entry.version ?? "-", entry.state ?? "not loaded", details(entry)]),
    output.columns()
  ))
})

/** Fails with `CliFailure` when nobody answers. @category commands */
export const models = (command: Command, output: Output): Effect.Effect<void, CliFailure, HttpClient.HttpClient> =>
  Effect.mapError(run(command, output), ({ message }) => new CliFailure({ message: `galatea models: ${message}\n` }))

/** What `models` asks with. @category layers */
export const layer = RunningServer.layer
