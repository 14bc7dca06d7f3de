/**
 * Inputs and outputs of a model: descriptions of their messages in `model_config.proto`.
 *
 * Source: Triton's `model_config.proto`, package `inference`.
 */
import { enumeration, message } from "./Descriptor.ts"

/** @category descriptors */
export const DataType = enumeration("inference.DataType", {
  TYPE_INVALID: 0,
  TYPE_BOOL: 1,
  TYPE_UINT8: 2,
  TYPE_UINT16: 3,
  TYPE_UINT32: 4,
  TYPE_UINT64: 5,
  TYPE_INT8: 6,
  TYPE_INT16: 7,
  TYPE_INT32: 8,
  TYPE_INT64: 9,
  TYPE_FP16: 10,
  TYPE_FP32: 11,
  TYPE_FP64: 12,
  TYPE_STRING: 13,
  TYPE_BF16: 14
})

/** @category descriptors */
export const ModelTensorReshape = message("inference.ModelTensorReshape", [
  { name: "shape", number: 1, kind: "int64", label: "repeated", as: "number" }
])

/** @category descriptors */
export const ModelInput = message("inference.ModelInput", [
  { name: "name", number: 1, kind: "string" },
  { name: "data_type", number: 2, kind: "enum", type: DataType },
  {
    name: "format",
    number: 3,
    kind: "enum",
    type: enumeration("inference.ModelInput.Format", { FORMAT_NONE: 0, FORMAT_NHWC: 1, FORMAT_NCHW: 2 })
  },
  { name: "dims", number: 4, kind: "int64", label: "repeated", as: "number" },
  { name: "reshape", number: 5, kind: "message", type: ModelTensorReshape },
  { name: "is_shape_tensor", number: 6, kind: "bool" },
  { name: "allow_ragged_batch", number: 7, kind: "bool" },
  { name: "optional", number: 8, kind: "bool" },
  { name: "is_non_linear_format_io", number: 9, kind: "bool" }
])

/** @category descriptors */
export const ModelOutput = message("inference.ModelOutput", [
  { name: "name", number: 1, kind: "string" },
  { name: "data_type", number: 2, kind: "enum", type: DataType },
  { name: "dims", number: 3, kind: "int64", label: "repeated", as: "number" },
  { name: "reshape", number: 5, kind: "message", type: ModelTensorReshape },
  { name: "label_filename", number: 4, kind: "string" },
  { name: "is_shape_tensor", number: 6, kind: "bool" },
  { name: "is_non_linear_format_io", number: 7, kind: "bool" }
])

/** @category descriptors */
export const BatchInput = message("inference.BatchInput", [
  {
    name: "kind",
    number: 1,
    kind: "enum",
    type: enumeration("inference.BatchInput.Kind", {
      BATCH_ELEMENT_COUNT: 0,
      BATCH_ACCUMULATED_ELEMENT_COUNT: 1,
      BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO: 2,
      BATCH_MAX_ELEMENT_COUNT_AS_SHAPE: 3,
      BATCH_ITEM_SHAPE: 4,
      BATCH_ITEM_SHAPE_FLATTEN: 5
    })
  },
  { name: "target_name", number: 2, kind: "string", label: "repeated" },
  { name: "data_type", number: 3, kind: "enum", type: DataType },
  { name: "source_input", number: 4, kind: "string", label: "repeated" }
])

/** @category descriptors */
export const BatchOutput = message("inference.BatchOutput", [
  { name: "target_name", number: 1, kind: "string", label: "repeated" },
  {
    name: "kind",
    number: 2,
    kind: "enum",
    type: enumeration("inference.BatchOutput.Kind", { BATCH_SCATTER_WITH_INPUT_SHAPE: 0 })
  },
  { name: "source_input", number: 3, kind: "string", label: "repeated" }
])

/** @category descriptors */
export const ModelWarmup = message("inference.ModelWarmup", [
  { name: "name", number: 1, kind: "string" },
  { name: "batch_size", number: 2, kind: "uint32" },
  {
    name: "inputs",
    number: 3,
    kind: "message",
    label: "map",
    type: message("inference.ModelWarmup.Input", [
      { name: "data_type", number: 1, kind: "enum", type: DataType },
      { name: "dims", number: 2, kind: "int64", label: "repeated", as: "number" },
      { name: "zero_data", number: 3, kind: "bool", oneof: "input_data_type" },
      { name: "random_data", number: 4, kind: "bool", oneof: "input_data_type" },
      { name: "input_data_file", number: 5, kind: "string", oneof: "input_data_type" }
    ])
  },
  { name: "count", number: 4, kind: "uint32" }
])
