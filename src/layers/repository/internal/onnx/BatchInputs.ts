/** The inputs of a model that `batch_input` feeds, checked against the model. */
import type { DataType } from "../../../../schema/DataType.ts"
import * as DataTypes from "../../../../schema/DataType.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { TensorSpec } from "../../../../services/Executor.ts"
import type { IoTensor } from "./ModelIo.ts"
import { formatShape } from "./ModelIo.ts"
import type { Disagreement } from "./SequenceControls.ts"

const invalid = (message: string): Disagreement => ({ code: "INVALID_ARG", message })

const targets = (config: ModelConfig) =>
  config.batch_input.flatMap(({ data_type, kind, target_name }) =>
    target_name.map((name) => ({ name, kind, datatype: DataTypes.fromConfigName(String(data_type))! }))
  )

/** The first target that the model does not have, or has with another type or rank. @category validation */
export const firstDisagreement = (
  model: string,
  config: ModelConfig,
  named: ReadonlyMap<string, IoTensor>
): Disagreement | undefined => {
  for (const { datatype, kind, name } of targets(config)) {
    const start = `unable to load model '${model}', batch input '${name}' of kind ${kind}`
    const tensor = named.get(name)
    if (tensor === undefined) return invalid(`${start} is no input of the model`)
    if (tensor.datatype !== datatype.name) {
      return invalid(`${start} has datatype ${datatype.configName}, model provides TYPE_${tensor.typeName}`)
    }
    if (!tensor.ranked) continue
    const rank = kind === "BATCH_ITEM_SHAPE" ? 2 : 1
    const varies = config.max_batch_size > 1 && tensor.shape[0] !== -1
    if (tensor.shape.length !== rank || varies) {
      return invalid(
        `${start} gives ${rank} dimension${rank > 1 ? "s" : ""}, the first of variable size, model provides ` +
          formatShape(tensor.shape)
      )
    }
  }
  return undefined
}

/** The targets as the model declares them; none has a dimension for the batch. @category getters */
export const specs = (config: ModelConfig, named: ReadonlyMap<string, IoTensor>): ReadonlyArray<TensorSpec> =>
  targets(config).map(({ name }) => {
    const tensor = named.get(name)!
    return { name, datatype: tensor.datatype as DataType, shape: tensor.shape, batchAxis: -1 }
  })
