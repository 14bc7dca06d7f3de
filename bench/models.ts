/** The repositories that the benchmarks serve, written into a temporary folder. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import * as Models from "../test/fixtures/onnx/Models.ts"

/** Input of the models that have the shapes of ResNet-50 and of SqueezeNet. */
export const imageInput = "INPUT0"
export const imageShape: ReadonlyArray<number> = [1, 3, 224, 224]

/** 602,112 bytes: an image of 224 × 224 in three FP32 channels. */
export const identityShape: ReadonlyArray<number> = [1, 150_528]

/** Puts a model into a repository, as version 1; gives the path of its file. */
export const write = (repository: string, model: string, bytes: Uint8Array, config?: string): string => {
  const version = join(repository, model, "1")
  mkdirSync(version, { recursive: true })
  const path = join(version, "model.onnx")
  writeFileSync(path, bytes)
  if (config !== undefined) writeFileSync(join(repository, model, "config.pbtxt"), config)
  return path
}

/** Puts an ensemble into a repository: a config, and a version without anything. */
export const ensemble = (repository: string, name: string, config: string): void => {
  mkdirSync(join(repository, name, "1"), { recursive: true })
  writeFileSync(join(repository, name, "config.pbtxt"), config)
}

/** Six small models without any config: everything about them is the server's default. */
export const smallRepository = (repository: string): string => {
  write(repository, "simple", Models.simple())
  write(repository, "simple_string", Models.simpleString())
  write(repository, "identity_fp32", Models.identityFp32())
  write(repository, "identity_int64", Models.identity("INT64"))
  write(repository, "classifier", Models.classifier())
  write(repository, "simple_fp16", Models.simple({ datatype: "FP16" }))
  return repository
}

/** A field of a config: inputs or outputs with their types and dims. */
export const io = (
  kind: "input" | "output",
  tensors: ReadonlyArray<readonly [name: string, type: string, dims: string]>
) =>
  `${kind} [ ${
    tensors.map(([name, type, dims]) => `{ name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] }`).join(", ")
  } ]`

const simpleIo = [
  io("input", [["INPUT0", "INT32", "16"], ["INPUT1", "INT32", "16"]]),
  io("output", [["OUTPUT0", "INT32", "16"], ["OUTPUT1", "INT32", "16"]])
].join("\n")

const batches = "dynamic_batching { }"

/** Silero's voice detector as npm delivers it. */
export const silero = readFileSync(createRequire(import.meta.url).resolve("@ricky0123/vad-web/dist/silero_vad_v5.onnx"))

/** Its batch lies in the middle of the state, and all requests share the sampling rate. */
const sileroConfig = (scheduler: string) =>
  readFileSync(new URL("../examples/models/silero_vad/config.pbtxt", import.meta.url), "utf8")
    .replace(/^dynamic_batching\s*\{[^}]*\}/m, "")
    .replace(/^version_policy.*$/m, "") + `\n${scheduler}\n`

/** Each model with a batcher and without. */
export const batchingRepository = (repository: string): string => {
  write(repository, "simple_direct", Models.simple(), `backend: "onnxruntime" max_batch_size: 64 ${simpleIo}`)
  write(
    repository,
    "simple_batched",
    Models.simple(),
    `backend: "onnxruntime" max_batch_size: 64 ${simpleIo} ${batches}`
  )
  write(repository, "silero_direct", silero, sileroConfig(""))
  write(repository, "silero_batched", silero, sileroConfig(batches))
  return repository
}

/** What two revisions are compared by: small and large tensors, and batches. */
export const comparedRepository = (repository: string): void => {
  write(repository, "simple", Models.simple())
  write(repository, "identity_fp32", Models.identityFp32())
  write(repository, "silero_batched", silero, sileroConfig(batches))
}

/** One model of such a shape, with a config that says this, or with none. */
export const imageRepository = (
  repository: string,
  shape: "resnet50" | "squeezenet",
  config?: string
): { readonly repository: string; readonly path: string } => ({
  repository,
  path: write(repository, shape, shape === "resnet50" ? Models.resnet50Shape() : Models.squeezenetShape(), config)
})
