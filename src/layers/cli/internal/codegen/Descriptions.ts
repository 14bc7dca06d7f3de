/** Descriptions of models for `galatea codegen`: from a running server, or from the configurations of a repository. */
import { Effect } from "effect"
import type { ModelDescription, ModelDescriptions, TensorDescription } from "../../../../client/Models.ts"
import { fromName } from "../../../../schema/DataType.ts"
import type { TensorMetadata } from "../../../../schema/Metadata.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { SignatureTensor } from "../../../../schema/ModelSignature.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import { type RunningServer, Unreadable } from "../RunningServer.ts"

/** @internal */
export interface Described {
  readonly models: ModelDescriptions
  /** Models that are not ready, with the reason, as sentences. */
  readonly leftOut: ReadonlyArray<string>
}

const sorted = (models: ReadonlyArray<readonly [string, ModelDescription]>): ModelDescriptions =>
  Object.fromEntries(models.toSorted(([a], [b]) => ModelSignature.compareNames(a, b)))

const leftOut = (name: string, reason: string | undefined): string =>
  `Model '${name}' is left out: ${(reason ?? "it is not loaded").trimEnd().split("\n", 1)[0]}`

const describe = (
  model: string,
  list: ReadonlyArray<TensorMetadata>,
  optional: ReadonlySet<string>
): Effect.Effect<Readonly<Record<string, TensorDescription>>, Unreadable> =>
  Effect.map(
    Effect.forEach(list, ({ datatype, name, shape }) => {
      const row = fromName(datatype)
      const unknown = `Tensor '${name}' of model '${model}' has the datatype ${datatype}, which is not known here.`
      return row === undefined
        ? Effect.fail(new Unreadable({ message: unknown }))
        : Effect.succeed([name, tensor(row.name, shape, optional.has(name))] as const)
    }),
    Object.fromEntries
  )

const tensor = (
  datatype: TensorDescription["datatype"],
  shape: ReadonlyArray<number>,
  optional: boolean
): TensorDescription => ({ datatype, shape, ...(optional ? { optional } : {}) })

/** The models that are ready on a server. @internal */
export const fromServer = Effect.fnUntraced(function*(
  { ask, client }: RunningServer
): Effect.fn.Return<Described, Unreadable> {
  const index = yield* ask(client.repositoryIndex())
  const names = [...new Set(index.flatMap(({ name, state }) => state === "READY" ? [name] : []))]
  const models = yield* Effect.forEach(names, (name) =>
    Effect.gen(function*() {
      const metadata = yield* ask(client.modelMetadata(name))
      const config = yield* ask(client.modelConfig(name))
      const optional = new Set((config.input ?? []).flatMap((input) => input.optional === true ? [input.name] : []))
      const inputs = yield* describe(name, metadata.inputs, optional)
      return [name, { inputs, outputs: yield* describe(name, metadata.outputs, new Set()) }] as const
    }), { concurrency: 8 })
  return {
    models: sorted(models),
    leftOut: index.flatMap(({ name, reason }) => names.includes(name) ? [] : [leftOut(name, reason)])
  }
})

/** What the check of a repository found of a version. @internal */
export interface Row {
  readonly model: string
  readonly status: "READY" | "UNAVAILABLE"
  readonly reason: string | undefined
  readonly config: ModelConfig | undefined
}

/** The models of a repository, as a server would have them; the last version of a model counts. @internal */
export const fromRows = (rows: ReadonlyArray<Row>): Described => {
  const models = new Map<string, ModelDescription>()
  for (const { config, model, status } of rows) {
    if (status === "READY" && config !== undefined) models.set(model, fromConfig(config))
  }
  return {
    models: sorted([...models]),
    leftOut: rows.flatMap(({ model, reason }) => models.has(model) ? [] : [leftOut(model, reason)])
  }
}

const fromConfig = (config: ModelConfig): ModelDescription => {
  const signature = ModelSignature.make(config)
  const tensors = (list: ReadonlyArray<SignatureTensor>) =>
    Object.fromEntries(list.map(({ datatype, name, optional, shape }) => [name, tensor(datatype, shape, optional)]))
  return { inputs: tensors(signature.inputs), outputs: tensors(signature.outputs) }
}
