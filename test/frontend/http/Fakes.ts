/** Stand-ins for what lies behind the HTTP front end. */
import { Effect, Layer, Result } from "effect"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import {
  ControlNotAllowed,
  InferenceError,
  LoadFailed,
  ModelNotFound,
  type ModelNotReady
} from "../../../src/schema/Errors.ts"
import type { InferenceFailure } from "../../../src/schema/Errors.ts"
import type { InferenceRequest, InferenceResponse, Timing } from "../../../src/schema/Inference.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import { type BeginRequest, InferenceServer } from "../../../src/services/InferenceServer.ts"
import type { IndexEntry, Lookup, Model } from "../../../src/services/ModelRepository.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"

const config = (name: string, decoupled = false): ModelConfig.ModelConfig =>
  ModelConfig.make({
    name,
    backend: "onnxruntime",
    platform: "onnxruntime_onnx",
    input: [{ name: "X", data_type: "TYPE_FP32", dims: [-1] }],
    output: [{ name: "X", data_type: "TYPE_FP32", dims: [-1] }],
    ...(decoupled ? { model_transaction_policy: { decoupled: true } } : {})
  })

export const model = (
  name: string,
  options: { readonly healthy?: boolean; readonly decoupled?: boolean } = {}
): Model => {
  const made = config(name, options.decoupled)
  return {
    name,
    version: 1,
    config: made,
    signature: ModelSignature.make(made),
    scheduler: {
      submit: () => Effect.die("the fake server runs requests itself"),
      depth: () => ({ waiting: 0, running: 0 })
    },
    statistics: new Books(name, 1, () => 0),
    healthy: () => options.healthy ?? true
  }
}

/** What the fake saw, and how it behaves; a test changes it as it needs. */
export class Fake {
  readonly models = new Map<string, Model>(
    [
      model("echo"),
      model("stats"),
      model("a b/c"),
      model("sick", { healthy: false }),
      model("stream", { decoupled: true })
    ].map((made) => [made.name, made])
  )
  readonly requests: Array<InferenceRequest> = []
  readonly loads: Array<{ name: string; config?: string; files?: ReadonlyArray<string> }> = []
  readonly unloads: Array<{ name: string; dependents: boolean | undefined }> = []
  live = true
  ready = true
  stopping = false
  released = 0
  interrupted = 0
  timing: Timing = { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 }
  /** Runs before the answer; `Effect.void` answers at once. */
  work: Effect.Effect<void, InferenceFailure> = Effect.void
  index: ReadonlyArray<IndexEntry> = [
    { name: "broken", version: "1", state: "UNAVAILABLE", reason: "Internal: \"bad\" file" },
    { name: "echo", version: "1", state: "READY" },
    { name: "never" }
  ]
  allowControl = true
  /** Why no model is to be had; `undefined`: they are. */
  failure: ModelNotReady | undefined = undefined

  private readonly lookup = (name: string, version: string): Lookup => {
    if (this.failure !== undefined) return Result.fail(this.failure)
    const found = this.models.get(name)
    if (found === undefined) {
      return Result.fail(new ModelNotFound({ message: `Request for unknown model: '${name}' is not found` }))
    }
    return version === "" || version === "1"
      ? Result.succeed(found)
      : Result.fail(
        new ModelNotFound({ message: `Request for unknown model: '${name}' version ${version} is not found` })
      )
  }

  private readonly infer = (
    made: Model,
    request: InferenceRequest
  ): Effect.Effect<InferenceResponse, InferenceError> => {
    this.requests.push(request)
    const response: InferenceResponse = {
      id: request.id,
      modelName: made.name,
      modelVersion: "1",
      parameters: new Map(),
      outputs: request.inputs,
      timing: this.timing,
      release: () => {
        this.released++
      }
    }
    return this.work.pipe(
      Effect.mapError((reason) => new InferenceError({ reason })),
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          this.interrupted++
        })
      ),
      Effect.as(response)
    )
  }

  /** As the server does it, but for the fiber that it is a fake of. */
  private readonly begin: BeginRequest = (made, request, resume) => {
    let waits = true
    const fiber = Effect.runFork(this.infer(made, request))
    fiber.addObserver((exit) => {
      if (waits) resume(exit)
    })
    return {
      cancel: (ended) => {
        waits = false
        fiber.interruptUnsafe()
        fiber.addObserver(() => ended())
      }
    }
  }

  readonly repository: ModelRepository["Service"] = ModelRepository.of({
    lookup: this.lookup,
    readyVersions: () => [1],
    index: Effect.suspend(() => Effect.succeed(this.index)),
    allReady: Effect.succeed(true),
    load: (name, parameters = {}) =>
      Effect.suspend((): Effect.Effect<void, ControlNotAllowed | LoadFailed> => {
        if (!this.allowControl) {
          return Effect.fail(
            new ControlNotAllowed({ message: "explicit model load / unload is not allowed if polling is enabled" })
          )
        }
        if (name === "missing") {
          return Effect.fail(
            new LoadFailed({
              model: name,
              code: "INTERNAL",
              message: "failed to load 'missing', failed to poll from model repository"
            })
          )
        }
        const { config, files } = parameters
        this.loads.push({
          name,
          ...(config === undefined ? {} : { config }),
          ...(files === undefined
            ? {}
            : { files: [...files].map(([path, bytes]) => `${path}=${Buffer.from(bytes).toString()}`) })
        })
        return Effect.void
      }),
    unload: (name, options) =>
      Effect.sync(() => {
        this.unloads.push({ name, dependents: options?.unloadDependents })
      })
  })

  readonly layer: Layer.Layer<InferenceServer> = Layer.succeed(
    InferenceServer,
    InferenceServer.of({
      metadata: { name: "galatea", version: "0.1", extensions: ["classification", "binary_tensor_data"] },
      live: Effect.sync(() => this.live),
      ready: Effect.sync(() => this.ready),
      stopping: () => this.stopping,
      model: this.lookup,
      modelMetadata: (name, version) =>
        Result.map(this.lookup(name, version), (made) => ({
          name: made.name,
          versions: ["1"],
          platform: "onnxruntime_onnx",
          inputs: made.signature.inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
          outputs: made.signature.outputs.map(({ datatype, name, shape }) => ({ name, datatype, shape }))
        })),
      infer: Object.assign(this.infer, { begin: this.begin }),
      repository: this.repository
    })
  )
}
