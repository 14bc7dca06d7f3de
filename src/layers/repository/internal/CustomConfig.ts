/**
 * The config of a custom model: it alone says what the model takes and gives, and settings of ONNX Runtime mean nothing to it.
 */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { DataType } from "../../../schema/DataType.ts"
import * as DataTypes from "../../../schema/DataType.ts"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig, ModelInput, ModelOutput } from "../../../schema/ModelConfig.ts"
import { modelSide } from "./onnx/CompareShapes.ts"
import type { IoTensor, ModelIo } from "./onnx/ModelIo.ts"
import * as SequenceControls from "./onnx/SequenceControls.ts"
import * as SequenceStates from "./onnx/SequenceStates.ts"

const sessionParameters = new Set([
  "intra_op_thread_count",
  "inter_op_thread_count",
  "execution_mode",
  "enable_mem_arena",
  "enable_mem_pattern",
  "memory.enable_memory_arena_shrinkage"
])

/** One sentence for each setting that has no effect. @category getters */
export const warnings = ({ name, optimization, parameters }: ModelConfig): ReadonlyArray<string> => {
  const accelerators = optimization?.execution_accelerators
  const asks = optimization?.graph !== undefined || optimization?.cuda !== undefined ||
    (accelerators?.gpu_execution_accelerator.length ?? 0) > 0 ||
    (accelerators?.cpu_execution_accelerator.length ?? 0) > 0
  const session = Object.keys(parameters).filter((key) => sessionParameters.has(key) || key.startsWith("session."))
  return [
    ...(asks ? [`model '${name}' is a custom model: 'optimization' has no effect on it.`] : []),
    ...session.map((key) =>
      `model '${name}' is a custom model: parameter '${key}' of ONNX Runtime has no effect beside what its module makes of it.`
    )
  ]
}

/** What the module may read. @category getters */
export const parameters = ({ parameters }: ModelConfig): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(parameters).map(([key, { string_value: value }]) => [key, value]))

const nameOf = (type: ModelInput["data_type"]): DataType => DataTypes.fromConfigName(String(type))!.name

const tensor = (name: string, datatype: DataType, shape: ReadonlyArray<number>): IoTensor => ({
  name,
  kind: "tensor",
  datatype,
  typeName: datatype,
  shape,
  ranked: true,
  custom: true
})

/**
 * What a module that fits the config takes and gives, as if a model file had said it.
 *
 * Errors: `LoadFailed` INVALID_ARG for a config without inputs or without outputs. The config is valid otherwise.
 *
 * @category constructors
 */
export const io = (config: ModelConfig): Result.Result<ModelIo, LoadFailed> => {
  const { input, name: model, output } = config
  for (const [kind, entries] of [["input", input], ["output", output]] as const) {
    if (entries.length > 0) continue
    return Result.fail(
      new LoadFailed({
        model,
        code: "INVALID_ARG",
        message:
          `the config of the custom model '${model}' has no ${kind}: nothing can be derived from its module, so give every ` +
          "input and output, and max_batch_size where it batches, in config.pbtxt"
      })
    )
  }
  const axis = (name: string) => BatchAxis.of(config, name)
  const scattered = new Set(config.batch_output.flatMap(({ target_name: targets }) => targets))
  const declared = (entry: ModelInput | ModelOutput) => {
    const flat = "allow_ragged_batch" in entry ? entry.allow_ragged_batch : scattered.has(entry.name)
    const shape = flat ? [-1] : BatchAxis.insert(modelSide(entry), axis(entry.name))
    return tensor(entry.name, nameOf(entry.data_type), shape)
  }
  const fed = config.batch_input.flatMap(({ data_type: type, kind, target_name: targets }) =>
    targets.map((name) => tensor(name, nameOf(type), kind === "BATCH_ITEM_SHAPE" ? [-1, -1] : [-1]))
  )
  const states = SequenceStates.states(config)
  const outputs = output.map(declared)
  const kept = ({ data_type: type, dims, input_name: input }: (typeof states)[number], name: string) =>
    tensor(name, nameOf(type), BatchAxis.insert(dims, axis(input)))
  return Result.succeed({
    inputs: [
      ...input.filter(({ optional }) => !optional).map(declared),
      ...fed,
      ...SequenceControls.specs(config).map(({ datatype, name, shape }) => tensor(name, datatype, shape)),
      ...states.map((state) => kept(state, state.input_name))
    ],
    outputs: [
      ...outputs,
      ...states
        .filter(({ output_name: name }) => outputs.every((output) => output.name !== name))
        .map((state) => kept(state, state.output_name))
    ],
    overridable: input.filter(({ optional }) => optional).map(declared)
  })
}
