/**
 * Schedulers of a model: descriptions of their messages in `model_config.proto`.
 *
 * Source: Triton's `model_config.proto`, package `inference`.
 */
import { enumeration, message } from "./Descriptor.ts"
import { DataType } from "./TensorFields.ts"

/** @category descriptors */
export const ModelQueuePolicy = message("inference.ModelQueuePolicy", [
  {
    name: "timeout_action",
    number: 1,
    kind: "enum",
    type: enumeration("inference.ModelQueuePolicy.TimeoutAction", { REJECT: 0, DELAY: 1 })
  },
  { name: "default_timeout_microseconds", number: 2, kind: "uint64" },
  { name: "allow_timeout_override", number: 3, kind: "bool" },
  { name: "max_queue_size", number: 4, kind: "uint32" }
])

/** @category descriptors */
export const ModelDynamicBatching = message("inference.ModelDynamicBatching", [
  { name: "preferred_batch_size", number: 1, kind: "int32", label: "repeated" },
  { name: "max_queue_delay_microseconds", number: 2, kind: "uint64" },
  { name: "preserve_ordering", number: 3, kind: "bool" },
  { name: "priority_levels", number: 4, kind: "uint64" },
  { name: "default_priority_level", number: 5, kind: "uint64" },
  { name: "default_queue_policy", number: 6, kind: "message", type: ModelQueuePolicy },
  {
    name: "priority_queue_policy",
    number: 7,
    kind: "message",
    label: "map",
    key: "uint64",
    type: ModelQueuePolicy
  }
])

/** @category descriptors */
export const Control = message("inference.ModelSequenceBatching.Control", [
  {
    name: "kind",
    number: 1,
    kind: "enum",
    type: enumeration("inference.ModelSequenceBatching.Control.Kind", {
      CONTROL_SEQUENCE_START: 0,
      CONTROL_SEQUENCE_READY: 1,
      CONTROL_SEQUENCE_END: 2,
      CONTROL_SEQUENCE_CORRID: 3
    })
  },
  { name: "int32_false_true", number: 2, kind: "int32", label: "repeated" },
  { name: "fp32_false_true", number: 3, kind: "float", label: "repeated" },
  { name: "bool_false_true", number: 5, kind: "bool", label: "repeated" },
  { name: "data_type", number: 4, kind: "enum", type: DataType }
])

/** `name` stands before the oneof, as a running Triton prints it. @category descriptors */
export const InitialState = message("inference.ModelSequenceBatching.InitialState", [
  { name: "data_type", number: 1, kind: "enum", type: DataType },
  { name: "dims", number: 2, kind: "int64", label: "repeated", as: "number", json: "string" },
  { name: "name", number: 5, kind: "string" },
  { name: "zero_data", number: 3, kind: "bool", oneof: "state_data" },
  { name: "data_file", number: 4, kind: "string", oneof: "state_data" }
])

/** @category descriptors */
export const ModelSequenceBatching = message("inference.ModelSequenceBatching", [
  {
    name: "direct",
    number: 3,
    kind: "message",
    oneof: "strategy_choice",
    type: message("inference.ModelSequenceBatching.StrategyDirect", [
      { name: "max_queue_delay_microseconds", number: 1, kind: "uint64" },
      { name: "minimum_slot_utilization", number: 2, kind: "float" }
    ])
  },
  {
    name: "oldest",
    number: 4,
    kind: "message",
    oneof: "strategy_choice",
    type: message("inference.ModelSequenceBatching.StrategyOldest", [
      { name: "max_candidate_sequences", number: 1, kind: "int32" },
      { name: "preferred_batch_size", number: 2, kind: "int32", label: "repeated" },
      { name: "max_queue_delay_microseconds", number: 3, kind: "uint64" },
      { name: "preserve_ordering", number: 4, kind: "bool" }
    ])
  },
  { name: "max_sequence_idle_microseconds", number: 1, kind: "uint64" },
  {
    name: "control_input",
    number: 2,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelSequenceBatching.ControlInput", [
      { name: "name", number: 1, kind: "string" },
      { name: "control", number: 2, kind: "message", label: "repeated", type: Control }
    ])
  },
  {
    name: "state",
    number: 5,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelSequenceBatching.State", [
      { name: "input_name", number: 1, kind: "string" },
      { name: "output_name", number: 2, kind: "string" },
      { name: "data_type", number: 3, kind: "enum", type: DataType },
      { name: "dims", number: 4, kind: "int64", label: "repeated", as: "number" },
      { name: "initial_state", number: 5, kind: "message", label: "repeated", type: InitialState },
      { name: "use_same_buffer_for_input_output", number: 6, kind: "bool" },
      { name: "use_growable_memory", number: 7, kind: "bool" }
    ])
  },
  { name: "iterative_sequence", number: 6, kind: "bool" }
])

/** @category descriptors */
export const ModelEnsembling = message("inference.ModelEnsembling", [
  {
    name: "step",
    number: 1,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelEnsembling.Step", [
      { name: "model_name", number: 1, kind: "string" },
      { name: "model_version", number: 2, kind: "int64", as: "number" },
      { name: "input_map", number: 3, kind: "string", label: "map" },
      { name: "output_map", number: 4, kind: "string", label: "map" },
      { name: "model_namespace", number: 5, kind: "string" }
    ])
  },
  { name: "max_inflight_requests", number: 2, kind: "uint32" }
])
