/** Compares the names and datatypes of a config with those of its model. */
import * as DataTypes from "../../../../schema/DataType.ts"
import type { Role } from "./CompareShapes.ts"
import type { IoTensor } from "./ModelIo.ts"
import type { Disagreement } from "./SequenceControls.ts"

/** What a config says of a tensor's type. `data_type` is a name of the config. */
interface Typed {
  readonly name: string
  readonly data_type: string | number
}

/** A type that is not the model's. @category validation */
export const typeDisagreement = (
  model: string,
  role: Role,
  io: Typed,
  tensor: IoTensor
): Disagreement | undefined => {
  const configured = DataTypes.fromConfigName(String(io.data_type))
  if (configured === undefined) {
    return {
      code: "INTERNAL",
      message: `unsupported datatype ${io.data_type} for ${role} '${io.name}' for model '${model}'`
    }
  }
  return configured.name === tensor.datatype
    ? undefined
    : {
      code: "INVALID_ARG",
      message: `unable to load model '${model}', configuration expects datatype ${configured.configName} for ${role} ` +
        `'${io.name}', model provides TYPE_${tensor.typeName}`
    }
}

/** A name that the model does not have. @category validation */
export const unexpected = (role: Role, name: string, allowed: ReadonlyArray<IoTensor>): Disagreement => ({
  code: "INVALID_ARG",
  message: `unexpected inference ${role} '${name}', allowed ${role}s are: ${
    allowed.map((tensor) => tensor.name).toSorted().join(", ")
  }`
})
