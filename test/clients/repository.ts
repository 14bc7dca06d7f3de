/**
 * Writes the model repository that the client scripts of this folder expect.
 *
 *     node test/clients/repository.ts FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Models from "../fixtures/onnx/Models.ts"
import type { ElementType } from "../fixtures/onnx/OnnxWriter.ts"
import * as SequenceModels from "../fixtures/onnx/SequenceModels.ts"

interface Entry {
  readonly config?: string
  readonly files?: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<number, Uint8Array | undefined>>
}

const datatypes: ReadonlyArray<ElementType> = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES"
]

const simpleConfig = `
platform: "onnxruntime_onnx"
max_batch_size: 8
version_policy { all {} }
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
`

const classifierConfig = `
backend: "onnxruntime"
max_batch_size: 8
input { name: "INPUT0" data_type: TYPE_FP32 dims: 4 }
output { name: "SCORES" data_type: TYPE_FP32 dims: 4 label_filename: "labels.txt" }
`

/** (INPUT0 + INPUT1) + INPUT1, by two steps of models that nothing else uses. */
const ensembleConfig = `
platform: "ensemble"
max_batch_size: 4
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "SUM" data_type: TYPE_INT32 dims: [ 16 ] } ]
ensemble_scheduling {
  step {
    model_name: "adder"
    model_version: -1
    input_map { key: "INPUT0" value: "INPUT0" }
    input_map { key: "INPUT1" value: "INPUT1" }
    output_map { key: "OUTPUT0" value: "first" }
  }
  step {
    model_name: "simple"
    model_version: 1
    input_map { key: "INPUT0" value: "first" }
    input_map { key: "INPUT1" value: "INPUT1" }
    output_map { key: "OUTPUT0" value: "SUM" }
  }
}
`

const repository = (): Readonly<Record<string, Entry>> => ({
  simple: { config: simpleConfig, versions: { 1: Models.simple(), 3: Models.simple() } },
  adder: { config: "max_batch_size: 8", versions: { 1: Models.simple() } },
  simple_string: { config: "max_batch_size: 8", versions: { 1: Models.simpleString() } },
  classifier: {
    config: classifierConfig,
    files: { "labels.txt": "ant\nbee\ncat\ndog\n" },
    versions: { 1: Models.classifier() }
  },
  accumulate: {
    config: SequenceModels.controlledConfig({ batching: "max_sequence_idle_microseconds: 60000000 oldest {}" }),
    versions: { 1: SequenceModels.controlled() }
  },
  accumulate_text: {
    config: SequenceModels.controlledConfig({
      id: "BYTES",
      batching: "max_sequence_idle_microseconds: 60000000 direct {}"
    }),
    versions: { 1: SequenceModels.controlled({ id: "BYTES" }) }
  },
  identity_wide: { config: "max_batch_size: 8", versions: { 1: Models.identityFp32() } },
  sum_of_sums: { config: ensembleConfig, versions: { 1: undefined } },
  ...Object.fromEntries(
    datatypes.map((
      datatype
    ) => [`identity_${datatype.toLowerCase()}`, { versions: { 1: Models.identity(datatype) } }])
  )
})

/** Writes the repository into a folder. */
export const write = (folder: string): void => {
  for (const [name, { config, files = {}, versions }] of Object.entries(repository())) {
    mkdirSync(join(folder, name), { recursive: true })
    if (config !== undefined) writeFileSync(join(folder, name, "config.pbtxt"), config.trimStart())
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text)
    for (const [version, model] of Object.entries(versions)) {
      mkdirSync(join(folder, name, version), { recursive: true })
      if (model !== undefined) writeFileSync(join(folder, name, version, "model.onnx"), model)
    }
  }
}

if (import.meta.main) {
  const folder = process.argv[2]
  if (folder === undefined) {
    console.error("usage: node test/clients/repository.ts FOLDER")
    process.exit(2)
  }
  write(folder)
}
