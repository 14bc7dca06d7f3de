/** Files of a model repository: configurations, models, tensors. */
import { Result } from "effect"
import * as Normalise from "../../../src/layers/repository/internal/config/Normalise.ts"
import * as Validate from "../../../src/layers/repository/internal/config/Validate.ts"
import * as OnnxReader from "../../../src/layers/repository/internal/onnx/OnnxReader.ts"
import type { ModelConfig } from "../../../src/schema/ModelConfig.ts"
import * as Npy from "../../../src/schema/npy/Npy.ts"
import { NpyFault } from "../../../src/schema/npy/NpyFault.ts"
import * as ConfigJson from "../../../src/schema/proto/ConfigJson.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { same, type Target, utf8 } from "../Target.ts"

const check = (config: ModelConfig): void => {
  const normal = Normalise.normaliseConfig(config)
  Validate.validateConfig(normal)
  Validate.configWarnings(normal)
  Normalise.normaliseInstanceGroups(normal, Normalise.noGpus)
}

/** What is read can be written as JSON, and read from that again. */
export const pbtxt: Target = {
  name: "config-pbtxt",
  seeds: () =>
    [
      "name: \"m\" max_batch_size: 8 input [ { name: \"A\" data_type: TYPE_FP32 dims: [ -1, 3 ] reshape { shape: [ ] } } ]",
      "dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 priority_levels: 2 }",
      "instance_group [ { kind: KIND_CPU count: 2 } ] parameters { key: 'a' value { string_value: \"\\303\\251\\n\" } } # end",
      "sequence_batching { control_input [ { name: \"S\" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] } ] }",
      "ensemble_scheduling { step [ { model_name: \"a\" model_version: -1 input_map { key: \"x\" value: \"y\" } } ] }"
    ].map(utf8),
  run: (input) => {
    const read = parseModelConfig(input, { path: "config.pbtxt" })
    if (Result.isFailure(read)) return void String(read.failure.message)
    const { config } = read.success
    check(config)
    const text = ConfigJson.toJson(config)
    const again = ConfigJson.fromJson(text)
    if (Result.isFailure(again)) throw new Error(`its JSON cannot be read: ${again.failure.message}`)
    same(ConfigJson.toJson(again.success), text, "the JSON of a configuration")
  }
}

export const configJson: Target = {
  name: "config-json",
  seeds: () =>
    [
      "{\"name\":\"m\",\"maxBatchSize\":8,\"input\":[{\"name\":\"A\",\"data_type\":\"TYPE_INT64\",\"dims\":[\"-1\"]}]}",
      "{\"parameters\":{\"a\":{\"string_value\":\"b\"}},\"instance_group\":[{\"count\":2,\"kind\":\"KIND_CPU\"}]}"
    ].map(utf8),
  run: (input) => {
    const read = ConfigJson.fromJson(new TextDecoder().decode(input))
    if (Result.isSuccess(read)) check(read.success)
  }
}

export const onnx: Target = {
  name: "onnx",
  seeds: () => [Models.simple(), Models.optionalInput(), Models.classifier(), Models.sequenceOutput(), utf8("PK")],
  run: (input) => {
    const read = OnnxReader.fromBytes("model.onnx", input)
    if (Result.isFailure(read)) void String(read.failure)
  }
}

const npyOf = (descr: string, shape: string, data: Uint8Array): Uint8Array => {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + "\n"
  return Uint8Array.from([
    0x93,
    ...utf8("NUMPY"),
    1,
    0,
    header.length & 255,
    header.length >> 8,
    ...utf8(header),
    ...data
  ])
}

export const npy: Target = {
  name: "npy",
  seeds: () => [
    npyOf("<f4", "(2,)", new Uint8Array(8)),
    npyOf(">i8", "(1, 1)", new Uint8Array(8)),
    npyOf("|S3", "(2,)", utf8("abcdef")),
    npyOf("<U1", "()", Uint8Array.of(65, 0, 0, 0))
  ],
  run: (input) => {
    try {
      const { count, data, shape } = Npy.read(input)
      if (Array.isArray(data)) same(data.length, count, "elements")
      same(shape.reduce((product, size) => product * size, 1), count, "elements of the shape")
    } catch (thrown) {
      if (!(thrown instanceof NpyFault)) throw thrown
    }
  }
}
