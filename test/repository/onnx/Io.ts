/** Inputs and outputs of made-up models, for tests of completion and comparison. */
import type { IoTensor, ModelIo } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import type { DataType } from "../../../src/schema/DataType.ts"

/** @category constructors */
export const tensor = (name: string, datatype: DataType, ...shape: ReadonlyArray<number>): IoTensor => ({
  name,
  kind: "tensor",
  datatype,
  typeName: datatype,
  shape,
  ranked: true
})

/** A tensor of which the model does not tell the shape. @category constructors */
export const unranked = (name: string, datatype: DataType): IoTensor => ({ ...tensor(name, datatype), ranked: false })

/** @category constructors */
export const io = (
  inputs: ReadonlyArray<IoTensor>,
  outputs: ReadonlyArray<IoTensor>,
  overridable: ReadonlyArray<IoTensor> = []
): ModelIo => ({ inputs, outputs, overridable })

/** The model of the QA corpus: two INT32 `[-1,16]` in, two INT8 `[-1,16]` out. @category constants */
export const corpus: ModelIo = io(
  [tensor("INPUT0", "INT32", -1, 16), tensor("INPUT1", "INT32", -1, 16)],
  [tensor("OUTPUT0", "INT8", -1, 16), tensor("OUTPUT1", "INT8", -1, 16)]
)
