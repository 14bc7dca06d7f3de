/** The stages that `bench/stages.ts` measures. */
import { Effect, Exit, type Fiber, Layer, Result, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as InferResponseWriter from "../../src/layers/frontend/internal/grpc/rpcs/infer/InferResponseWriter.ts"
import * as Submission from "../../src/layers/frontend/internal/grpc/rpcs/infer/Submission.ts"
import { decode } from "../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { encode } from "../../src/layers/frontend/internal/infer/InferResponseEncoder.ts"
import { KnownHeads } from "../../src/layers/frontend/internal/infer/KnownHeads.ts"
import { KnownTexts } from "../../src/layers/frontend/internal/infer/KnownTexts.ts"
import * as SmallMemory from "../../src/layers/frontend/internal/SmallMemory.ts"
import { validate } from "../../src/layers/inference/internal/RequestValidation.ts"
import * as MemoryModelRepository from "../../src/layers/repository/MemoryModelRepository.ts"
import * as Server from "../../src/layers/Server.ts"
import type { InferenceRequest, InferenceResponse } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import { ModelInferRequest } from "../../src/schema/proto/InferFields.ts"
import * as WireFormat from "../../src/schema/proto/WireFormat.ts"
import { exitOf } from "../../src/services/Begun.ts"
import { begin, InferenceServer } from "../../src/services/InferenceServer.ts"
import type { Model } from "../../src/services/ModelRepository.ts"
import * as Models from "../../test/fixtures/onnx/Models.ts"
import { write } from "../models.ts"
import { simple, simpleInputs } from "../requests.ts"
import * as NothingExecutor from "./NothingExecutor.ts"

export interface Stage {
  readonly title: string
  /** Requests of one `run`. */
  readonly calls: number
  readonly run: () => Promise<void> | void
}

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** Requests that arrive in one turn of the event loop. */
const together = 32
const calls = 1600

const loop = (title: string, once: () => unknown): Stage => ({
  title,
  calls,
  run: () => {
    for (let i = 0; i < calls; i++) sink = once()
  }
})

/** Where results go, so that nothing is left out as unused. */
export let sink: unknown

const failed = (exit: Exit.Failure<unknown, unknown>): never => {
  throw new Error(`a request failed: ${exit.cause}`)
}

/** Begins requests as connections do: the next of each comes in the turn after its answer. */
const turns = (title: string, begin: (ended: () => void) => void): Stage => ({
  title,
  calls,
  run: () =>
    new Promise<void>((resolve) => {
      let begun = 0
      let left = calls
      let idle = 0
      let scheduled = false
      const arrive = () => {
        scheduled = false
        for (const now = idle; idle > 0 && begun < calls && idle <= now; idle--) {
          begun++
          begin(ended)
        }
      }
      const ended = () => {
        idle++
        if (--left === 0) return resolve()
        if (scheduled || begun === calls) return
        scheduled = true
        setImmediate(arrive)
      }
      idle = together
      arrive()
    })
})

const binary = simple()
const headLength = Number(binary.headers["Inference-Header-Content-Length"])
const row = Array.from({ length: 16 }, (_, i) => i)
const json = Buffer.from(JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data: row }))
}))
const grpc = Buffer.from(WireFormat.encode(ModelInferRequest, {
  model_name: "simple",
  inputs: simpleInputs().map(({ datatype, name, shape }) => ({ name, datatype, shape })),
  raw_input_contents: simpleInputs().map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}))

const decodeOptions = (model: Model) => ({
  modelName: model.name,
  maxInputSize: 2 ** 26,
  allocate: SmallMemory.take,
  heads: new KnownHeads(),
  texts: new KnownTexts()
})

const answerOf = (model: Model): InferenceResponse => ({
  id: "",
  modelName: model.name,
  modelVersion: String(model.version),
  parameters: new Map(),
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({
    name,
    datatype: "INT32",
    shape: [1, 16],
    data: new Uint8Array(Int32Array.from(row).buffer)
  })),
  timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
  release: () => {}
})

/** Models by what decides when their requests run. */
const models: ReadonlyArray<readonly [name: string, what: string, config: Partial<ModelConfig.ModelConfig>]> = [
  ["batched", "batches of 8", {
    max_batch_size: 8,
    dynamic_batching: ModelConfig.make({ name: "", dynamic_batching: {} }).dynamic_batching
  }],
  ["direct", "no batcher", { max_batch_size: 8 }]
]

export const stages = (fork: Fork): Effect.Effect<ReadonlyArray<Stage>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "galatea-bench-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true }))
    )
    const path = write(folder, "simple", Models.simple())
    const context = yield* Effect.orDie(Layer.build(
      Server.layerInProcess({}, {
        repository: MemoryModelRepository.layerFromFiles({
          models: models.map(([name, , config]) => ({ name, path, config }))
        }),
        executor: NothingExecutor.layer
      })
    ))
    const server = yield* Effect.provide(InferenceServer, context)
    const found = models.map(([name]) => Result.getOrThrow(server.model(name, "")))
    const model = found[0]! as Model
    const options = decodeOptions(model)
    const request = Result.getOrThrow(decode(binary.body, headLength, options))
    const known = Result.getOrThrow(decode(binary.body, headLength, options))
    const jsonRequest = Result.getOrThrow(decode(json, undefined, options))
    const knownJson = Result.getOrThrow(decode(json, undefined, options))
    const answer = answerOf(model)
    const surroundings = {
      forward: undefined,
      clientTensors: () => {
        throw new Error("no request has tensors in shared memory")
      }
    }
    const call = { deadline: undefined, metadata: undefined as never }

    const begun =
      (of: Model, one: InferenceRequest, after: (response: InferenceResponse) => void) => (ended: () => void) => {
        begin(server, of, one, (answered) => {
          const exit = exitOf(answered)
          if (exit === undefined) throw new Error("the request needs a fiber")
          if (Exit.isFailure(exit)) failed(exit)
          else {
            after(exit.value)
            exit.value.release()
          }
          ended()
        })
      }
    const forked =
      (of: Model, one: InferenceRequest, after: (response: InferenceResponse) => void) => (ended: () => void) => {
        fork(server.infer(of, one)).addObserver((exit) => {
          if (Exit.isFailure(exit)) failed(exit)
          else {
            after(exit.value)
            exit.value.release()
          }
          ended()
        })
      }
    return [
      loop("decode binary, known head", () => decode(binary.body, headLength, options)),
      loop("decode binary, unknown head", () => decode(binary.body, headLength, { ...options, heads: undefined })),
      loop("decode JSON, known text", () => decode(json, undefined, options)),
      loop("decode JSON, unknown text", () => decode(json, undefined, { ...options, texts: undefined })),
      loop("validate", () => validate(model, request.request)),
      loop("encode binary, known head", () => encode(answer, known)),
      loop("encode binary, unknown head", () => encode(answer, request)),
      loop("encode JSON, known text", () => encode(answer, knownJson)),
      loop("encode JSON, unknown text", () => encode(answer, jsonRequest)),
      loop("decode gRPC", () => {
        const message = Result.getOrThrow(Submission.read(grpc))
        return Submission.prepare(surroundings, call, message, (size) => new Uint8Array(size))
      }),
      loop("encode gRPC", () => InferResponseWriter.unary(answer)),
      turns("turns of the event loop alone", (ended) => void setImmediate(ended)),
      turns("a fiber that does nothing", (ended) => void fork(Effect.void).addObserver(ended)),
      ...models.flatMap(([, what], i) => [
        turns(`infer in a fiber, ${what}`, forked(found[i]!, request.request, () => {})),
        turns(`infer, ${what}`, begun(found[i]!, request.request, () => {}))
      ]),
      ...models.flatMap(([, what], i) => [
        turns(`decode, infer and encode binary, ${what}`, (ended) => {
          const decoded = Result.getOrThrow(decode(binary.body, headLength, options))
          begun(found[i]!, decoded.request, (response) => {
            sink = encode(response, decoded)
          })(ended)
        })
      ])
    ]
  })
