/**
 * Refuses, at load, models whose inputs or outputs the engine cannot carry: some of them fail when they are opened, and some
 * kill the process when they run.
 */
import { Result } from "effect"
import * as DataTypes from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { IoTensor, ModelIo } from "./ModelIo.ts"

const carried = DataTypes.table.filter((row) => row.ort !== undefined).map((row) => row.name).join(", ")

const advice: Readonly<Record<string, string>> = {
  sequence: "Change the model to give or take tensors (ConcatFromSequence or SequenceAt turn a sequence into a tensor)",
  map: "Change the model to give or take tensors (classifiers exported by skl2onnx: pass the option zipmap=False)",
  optional: "Change the model to give or take tensors (OptionalGetElement turns an optional into a tensor)",
  sparse: "Change the model to give or take dense tensors",
  opaque: "Change the model to give or take tensors"
}

const onnxKind = (kind: string): string =>
  kind === "sparse" ? "ONNX_TYPE_SPARSETENSOR" : `ONNX_TYPE_${kind.toUpperCase()}`

/** @category models */
export interface LoadRefusal {
  readonly code: LoadFailed["code"]
  readonly message: string
}

/** Why the engine cannot carry this input or output, `undefined` where it can. @category validation */
export const refusal = (role: string, tensor: IoTensor): LoadRefusal | undefined => {
  if (tensor.kind === "unknown") return undefined
  if (tensor.kind !== "tensor") {
    return {
      code: "UNSUPPORTED",
      message:
        `Unsupported ONNX Type '${onnxKind(tensor.kind)}' for I/O '${tensor.name}', expected 'ONNX_TYPE_TENSOR'.\n` +
        `The ${role} '${tensor.name}' is a ${tensor.kind} value, and requests carry tensors only. ${
          advice[tensor.kind]
        }`
    }
  }
  const row = tensor.datatype === undefined ? undefined : DataTypes.fromName(tensor.datatype)
  if (row?.ort !== undefined || (row !== undefined && tensor.custom === true)) return undefined
  return {
    code: "UNSUPPORTED",
    message:
      `the ${role} '${tensor.name}' has the datatype ${tensor.typeName}, which ONNX Runtime's JavaScript binding ` +
      `cannot carry. Put a Cast to a datatype that it can carry at that ${role} of the model: ${carried}`
  }
}

/**
 * Fails where an input or output is no tensor, or has an element type outside the table of datatypes (BF16, INT4, UINT4, the
 * small floats, complex numbers).
 *
 * Call it with what the file says before the runtime opens the model, and once more with what the runtime says: a file may
 * leave types out. An overridable initializer is no concern here, since only a config can make it an input.
 *
 * @category validation
 */
export const check = (model: string, io: ModelIo): Result.Result<void, LoadFailed> => {
  const refused = firstRefusal("input", io.inputs) ?? firstRefusal("output", io.outputs)
  return refused === undefined ? Result.succeed(undefined) : Result.fail(new LoadFailed({ model, ...refused }))
}

const firstRefusal = (role: string, tensors: ReadonlyArray<IoTensor>): LoadRefusal | undefined => {
  for (const tensor of tensors) {
    const refused = refusal(role, tensor)
    if (refused !== undefined) return refused
  }
  return undefined
}
