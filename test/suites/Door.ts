/** A way into the server as the shared suite sees it: an adapter says everything by these words, whatever its protocol. */
import { type Context, Data, type Effect, type Scope } from "effect"
import type { DataType } from "../../src/schema/DataType.ts"
import { type Code, codes } from "../../src/schema/Errors.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { ModelMetadata, ServerMetadata } from "../../src/schema/Metadata.ts"
import type { InferenceServer, Request } from "../../src/services/InferenceServer.ts"
import type { IndexEntry, LoadParameters, UnloadOptions } from "../../src/services/ModelRepository.ts"
import type { TensorMemory } from "../../src/services/TensorMemory.ts"

/** An error answer. `status` is the HTTP status of its code, in every protocol. */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly status: number; readonly message: string }> {}

/** The refusal of a typed failure. */
export const refusal = ({ code, message }: { readonly code: Code; readonly message: string }): Refusal =>
  new Refusal({ status: codes[code].http, message })

/** An answer whose bytes are its own. */
export interface Answer {
  readonly id: string
  readonly modelName: string
  readonly modelVersion: string
  readonly outputs: ReadonlyArray<Tensor>
}

/** Statistics of one version, as far as every protocol has them. */
export interface Statistics {
  readonly name: string
  readonly version: string
  readonly inferenceCount: number
  readonly executionCount: number
  readonly successes: number
  /** Requests that the response cache answered, and those that it could not. */
  readonly cache: readonly [hits: number, misses: number]
}

export interface Door {
  readonly live: Effect.Effect<boolean>
  readonly ready: Effect.Effect<boolean>
  readonly serverMetadata: Effect.Effect<ServerMetadata, Refusal>
  readonly modelReady: (model: string, version: string) => Effect.Effect<boolean, Refusal>
  readonly modelMetadata: (model: string, version: string) => Effect.Effect<ModelMetadata, Refusal>
  /** The configuration as Triton's JSON. */
  readonly modelConfig: (model: string, version: string) => Effect.Effect<string, Refusal>
  /** `""`: of all models, or all versions. */
  readonly statistics: (model: string, version: string) => Effect.Effect<ReadonlyArray<Statistics>, Refusal>
  readonly index: (readyOnly: boolean) => Effect.Effect<ReadonlyArray<IndexEntry>, Refusal>
  readonly load: (model: string, parameters?: LoadParameters) => Effect.Effect<void, Refusal>
  readonly unload: (model: string, options?: UnloadOptions) => Effect.Effect<void, Refusal>
  /** Interruption is what the protocol has for a caller that goes away. */
  readonly infer: (request: Request) => Effect.Effect<Answer, Refusal>
}

/** The server behind the doors: an adapter that needs a front end builds it over these services. */
export type Services = Context.Context<InferenceServer | TensorMemory>

/** One implementation. */
export interface DoorKind {
  /** The name of another one, from which it differs only in how bytes travel. */
  readonly like?: string
  readonly name: string
  /** Datatypes whose tensors the protocol cannot carry. */
  readonly without?: ReadonlyArray<DataType>
  /** Opens it until the scope closes. */
  readonly open: (services: Services) => Effect.Effect<Door, never, Scope.Scope>
}

/** Outputs whose bytes nobody reuses. */
export const own = (outputs: ReadonlyArray<Tensor>): ReadonlyArray<Tensor> =>
  outputs.map(({ data, datatype, name, shape }) => ({ name, datatype, shape, data: new Uint8Array(data) }))
