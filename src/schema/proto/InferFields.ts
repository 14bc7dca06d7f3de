/**
 * Inference over gRPC: descriptions of its messages in `grpc_service.proto`.
 *
 * Source: KServe V2 `GRPCInferenceService` and Triton's extensions, package `inference`.
 */
import { message } from "./Descriptor.ts"

/** @category descriptors */
export const InferParameter = message("inference.InferParameter", [
  { name: "bool_param", number: 1, kind: "bool", oneof: "parameter_choice" },
  { name: "int64_param", number: 2, kind: "int64", oneof: "parameter_choice" },
  { name: "string_param", number: 3, kind: "string", oneof: "parameter_choice" },
  { name: "double_param", number: 4, kind: "double", oneof: "parameter_choice" },
  { name: "uint64_param", number: 5, kind: "uint64", oneof: "parameter_choice" }
])

/** @category descriptors */
export const InferTensorContents = message("inference.InferTensorContents", [
  { name: "bool_contents", number: 1, kind: "bool", label: "repeated" },
  { name: "int_contents", number: 2, kind: "int32", label: "repeated" },
  { name: "int64_contents", number: 3, kind: "int64", label: "repeated" },
  { name: "uint_contents", number: 4, kind: "uint32", label: "repeated" },
  { name: "uint64_contents", number: 5, kind: "uint64", label: "repeated" },
  { name: "fp32_contents", number: 6, kind: "float", label: "repeated" },
  { name: "fp64_contents", number: 7, kind: "double", label: "repeated" },
  { name: "bytes_contents", number: 8, kind: "bytes", label: "repeated" }
])

/** @category descriptors */
export const InferInputTensor = message("inference.ModelInferRequest.InferInputTensor", [
  { name: "name", number: 1, kind: "string" },
  { name: "datatype", number: 2, kind: "string" },
  { name: "shape", number: 3, kind: "int64", label: "repeated", as: "number" },
  { name: "parameters", number: 4, kind: "message", label: "map", type: InferParameter },
  { name: "contents", number: 5, kind: "message", type: InferTensorContents }
])

/** @category descriptors */
export const InferRequestedOutputTensor = message("inference.ModelInferRequest.InferRequestedOutputTensor", [
  { name: "name", number: 1, kind: "string" },
  { name: "parameters", number: 2, kind: "message", label: "map", type: InferParameter }
])

/** @category descriptors */
export const ModelInferRequest = message("inference.ModelInferRequest", [
  { name: "model_name", number: 1, kind: "string" },
  { name: "model_version", number: 2, kind: "string" },
  { name: "id", number: 3, kind: "string" },
  { name: "parameters", number: 4, kind: "message", label: "map", type: InferParameter },
  { name: "inputs", number: 5, kind: "message", label: "repeated", type: InferInputTensor },
  { name: "outputs", number: 6, kind: "message", label: "repeated", type: InferRequestedOutputTensor },
  { name: "raw_input_contents", number: 7, kind: "bytes", label: "repeated" }
])

/** @category descriptors */
export const InferOutputTensor = message("inference.ModelInferResponse.InferOutputTensor", [
  { name: "name", number: 1, kind: "string" },
  { name: "datatype", number: 2, kind: "string" },
  { name: "shape", number: 3, kind: "int64", label: "repeated", as: "number" },
  { name: "parameters", number: 4, kind: "message", label: "map", type: InferParameter },
  { name: "contents", number: 5, kind: "message", type: InferTensorContents }
])

/** @category descriptors */
export const ModelInferResponse = message("inference.ModelInferResponse", [
  { name: "model_name", number: 1, kind: "string" },
  { name: "model_version", number: 2, kind: "string" },
  { name: "id", number: 3, kind: "string" },
  { name: "parameters", number: 4, kind: "message", label: "map", type: InferParameter },
  { name: "outputs", number: 5, kind: "message", label: "repeated", type: InferOutputTensor },
  { name: "raw_output_contents", number: 6, kind: "bytes", label: "repeated" }
])

/** @category descriptors */
export const ModelStreamInferResponse = message("inference.ModelStreamInferResponse", [
  { name: "error_message", number: 1, kind: "string" },
  { name: "infer_response", number: 2, kind: "message", type: ModelInferResponse }
])
