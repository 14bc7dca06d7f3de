/** The repositories that the benchmarks serve, written into a temporary folder. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Models from "../test/fixtures/onnx/Models.ts"

/** Input of the ResNet-50-shaped model. */
export const resnetInput = "INPUT0"
export const resnetShape: ReadonlyArray<number> = [1, 3, 224, 224]

/** 602,112 bytes: an image of 224 × 224 in three FP32 channels. */
export const identityShape: ReadonlyArray<number> = [1, 150_528]

const write = (repository: string, model: string, bytes: Uint8Array, config?: string): string => {
  const version = join(repository, model, "1")
  mkdirSync(version, { recursive: true })
  const path = join(version, "model.onnx")
  writeFileSync(path, bytes)
  if (config !== undefined) writeFileSync(join(repository, model, "config.pbtxt"), config)
  return path
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

/** One ResNet-50-shaped model without a config. */
export const heavyRepository = (repository: string): { readonly repository: string; readonly modelPath: string } => ({
  repository,
  modelPath: write(repository, "resnet50", Models.resnet50Shape())
})
