/**
 * Configurations that do not load, each with the text that says why: the cases of Triton's QA corpus that concern what exists
 * here, and those of our own. The first line of the failure contains the text.
 */

/** @category models */
export interface BadConfig {
  readonly model: string
  readonly config: string
  readonly expected: string
  /** Only in strict mode, where inputs and outputs are checked before the model file. */
  readonly strict?: boolean
}

const input = (name: string, rest: string) => `input [ { name: "${name}" data_type: TYPE_FP32 ${rest} } ]\n`
const output = (name: string, rest: string) => `output [ { name: "${name}" data_type: TYPE_FP32 ${rest} } ]\n`
const io = input("input", "dims: [ 1 ]") + output("output", "dims: [ 1 ]")
const batched = `max_batch_size: 8\n${io}`
const reshape = (dims: string, shape: string) =>
  input("input", `dims: [ ${dims} ] reshape { shape: [ ${shape} ] }`) + output("output", "dims: [ 1 ]")

const dimsText = (io: string) =>
  `model ${io} dimension must be integer >= 1, or -1 to indicate a variable-size dimension`

const batchInput = (kind: string, source: string) => `
max_batch_size: 8
${io}
batch_input [ { kind: ${kind} target_name: "TARGET" data_type: TYPE_FP32 ${source} } ]`

const batchOutput = (rest: string) => `
max_batch_size: 8
${input("INPUT", "dims: [ 1 ]")}${output("OUTPUT", "dims: [ 1 ]")}
batch_output [ { kind: BATCH_SCATTER_WITH_INPUT_SHAPE ${rest} } ]`

const control = (...controls: ReadonlyArray<string>) =>
  `${batched} sequence_batching { control_input [ ${controls.join(", ")} ] }`
const kinds = [
  "BATCH_ELEMENT_COUNT",
  "BATCH_ACCUMULATED_ELEMENT_COUNT",
  "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
  "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE"
]

/** Configs with a platform, no matter whether there is a model file. @category constants */
export const platformCases: ReadonlyArray<BadConfig> = [
  {
    model: "negative_max_batch_size",
    config: `max_batch_size: -1\n${io}`,
    expected: "'max_batch_size' must be non-negative value for negative_max_batch_size"
  },
  {
    model: "no_data_type",
    config: `input [ { name: "input" dims: [ 1 ] } ]\n${output("output", "dims: [ 1 ]")}`,
    expected: "model input 'input' must specify 'data_type'",
    strict: true
  },
  {
    model: "no_input_name",
    config: `input [ { data_type: TYPE_FP32 dims: [ 1 ] } ]\n${output("output", "dims: [ 1 ]")}`,
    expected: "model input must specify 'name' for no_input_name",
    strict: true
  },
  {
    model: "no_dims",
    config: input("input", "") + output("output", "dims: [ 1 ]"),
    expected: "model input 'input' must specify 'dims' for no_dims",
    strict: true
  },
  {
    model: "negative_dims",
    config: input("input", "dims: [ 2, -2 ]") + output("output", "dims: [ 1 ]"),
    expected: `${dimsText("input 'input'")} for negative_dims`,
    strict: true
  },
  ...[["1, 3, 2", "5"], ["15", "2, 1, 5"], ["2, -1", "2, 2"], ["2, -1", "2, -1, 2"]].flatMap(([dims, shape], index) => [
    {
      model: `reshape_size${index}`,
      config: `max_batch_size: 8\n${reshape(dims!, shape!)}`,
      expected: `model input 'input' has different size for dims and reshape for reshape_size${index}`,
      strict: true
    },
    {
      model: `reshape_nobatch_size${index}`,
      config: reshape(dims!, shape!),
      expected: `model input 'input' has different size for dims and reshape for reshape_nobatch_size${index}`,
      strict: true
    }
  ]),
  {
    model: "reshape_variable4",
    config: `max_batch_size: 8\n${reshape("2, -1", "2, -1, -1")}`,
    expected:
      "model input 'input' has different number of variable-size dimensions for dims and reshape for reshape_variable4",
    strict: true
  },
  {
    model: "reshape_nobatch_empty0",
    config: reshape("1", ""),
    expected:
      "model input 'input' cannot have empty reshape for non-batching model as scalar tensors are not supported for " +
      "reshape_nobatch_empty0",
    strict: true
  },
  {
    model: "reshape_output",
    config: `max_batch_size: 8\n${input("input", "dims: [ 1 ]")}${
      output("output", "dims: [ 4 ] reshape { shape: [ 3 ] }")
    }`,
    expected: "model output 'output' has different size for dims and reshape for reshape_output",
    strict: true
  },
  {
    model: "default_priority_level0",
    config: `${batched} dynamic_batching { priority_levels: 3 }`,
    expected: "default priority level must be in range [1, 3] for default_priority_level0"
  },
  {
    model: "default_priority_level1",
    config: `${batched} dynamic_batching { priority_levels: 3 default_priority_level: 4 }`,
    expected: "default priority level must be in range [1, 3] for default_priority_level1"
  },
  ...[0, 4].map((key) => ({
    model: `priority_level${key}`,
    config: `${batched} dynamic_batching { priority_levels: 3 default_priority_level: 1
      priority_queue_policy { key: ${key} value { } } }`,
    expected: `priority queue policy must have priority level in range [1, 3] for priority_level${key}`
  })),
  {
    model: "preserve_ordering0",
    config: `${batched} dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }`,
    expected: "Only one priority level is allowed when 'preserve_ordering' is true for preserve_ordering0"
  },
  {
    model: "preserve_ordering1",
    config: `${batched} dynamic_batching { preserve_ordering: true
      default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 10 } }`,
    expected:
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for preserve_ordering1"
  },
  {
    model: "preserve_ordering_level",
    config: `${batched} dynamic_batching { preserve_ordering: true priority_levels: 1 default_priority_level: 1
      priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 10 } } }`,
    expected:
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for preserve_ordering_level"
  },
  {
    model: "preferred_size",
    config: `${batched} dynamic_batching { preferred_batch_size: [ 0 ] }`,
    expected: "dynamic batching preferred size must be positive for preferred_size"
  },
  {
    model: "preferred_size_large",
    config: `${batched} dynamic_batching { preferred_batch_size: [ 9 ] }`,
    expected: "dynamic batching preferred size must be <= max batch size for preferred_size_large"
  },
  ...["/elsewhere/x.so", "../x.so"].map((path, index) => ({
    model: `batching_library${index}`,
    config: `${batched} parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: ${
      JSON.stringify(path)
    } } }`,
    expected: "Batching library path escapes model repository."
  })),
  ...["START", "END", "READY"].map((kind) => ({
    model: `control_kind_${kind.toLowerCase()}_multiple`,
    config: control(
      `{ name: "A" control [ { kind: CONTROL_SEQUENCE_${kind} int32_false_true: [ 0, 1 ] } ] }`,
      `{ name: "B" control [ { kind: CONTROL_SEQUENCE_${kind} int32_false_true: [ 0, 1 ] } ] }`
    ),
    expected:
      `sequence batching specifies multiple CONTROL_SEQUENCE_${kind} tensors for control_kind_${kind.toLowerCase()}_multiple`
  })),
  {
    model: "control_tensor_multiple",
    config: control(
      `{ name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] }`,
      `{ name: "START" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] }`
    ),
    expected:
      "sequence batching control tensor 'START' is specified for multiple control kinds for control_tensor_multiple"
  },
  {
    model: "control_tensor_no_value",
    config: control(`{ name: "READY" control [ { kind: CONTROL_SEQUENCE_READY } ] }`),
    expected: "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for " +
      "CONTROL_SEQUENCE_READY for control_tensor_no_value"
  },
  ...kinds.flatMap((kind, index) => [
    {
      model: `batch_input_none${index}`,
      config: batchInput(kind, ""),
      expected: `batch input kind '${kind}' expects 1 source input, got 0`,
      strict: true
    },
    {
      model: `batch_input_two${index}`,
      config: batchInput(kind, `source_input: [ "input", "input" ]`),
      expected: `batch input kind '${kind}' expects 1 source input, got 2`,
      strict: true
    }
  ]),
  {
    model: "batch_input_unknown",
    config: batchInput("BATCH_ELEMENT_COUNT", `source_input: "UNKNOWN_INPUT"`),
    expected: "unknown source input name 'UNKNOWN_INPUT'",
    strict: true
  },
  {
    model: "batch_output_none",
    config: batchOutput(`target_name: "OUTPUT"`),
    expected: "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0",
    strict: true
  },
  {
    model: "batch_input_is_input",
    config: batchInput("BATCH_ELEMENT_COUNT", `source_input: "input"`).replace("TARGET", "input"),
    expected: "batch input target 'input' must not be an input of the configuration, clients do not send it for"
  },
  {
    model: "batch_dim_unknown",
    config: `${batched} parameters { key: "galatea.batch_dim.x" value { string_value: "1" } }`,
    expected: "parameter 'galatea.batch_dim.x' names no input or output for batch_dim_unknown"
  },
  {
    model: "batch_dim_large",
    config: `${batched} parameters { key: "galatea.batch_dim.input" value { string_value: "2" } }`,
    expected:
      "parameter 'galatea.batch_dim.input' must be the number of a dimension from 0 to 1, got '2' for batch_dim_large"
  },
  {
    model: "shared_no_batch",
    config: `${io} parameters { key: "galatea.shared.input" value { string_value: "true" } }`,
    expected: "parameter 'galatea.shared.input' needs a 'max_batch_size' of at least 1 for shared_no_batch"
  },
  {
    model: "batch_output_unknown_source",
    config: batchOutput(`target_name: "OUTPUT" source_input: "UNKNOWN_INPUT"`),
    expected: "unknown source input name 'UNKNOWN_INPUT'",
    strict: true
  },
  {
    model: "batch_output_unknown_target",
    config: batchOutput(`target_name: "UNKNOWN_OUTPUT" source_input: "INPUT"`),
    expected: "unknown target output name 'UNKNOWN_OUTPUT'",
    strict: true
  },
  {
    model: "batch_output_twice",
    config: batchOutput(`target_name: [ "OUTPUT", "OUTPUT" ] source_input: "INPUT"`),
    expected: "target output name 'OUTPUT' can only be specified once",
    strict: true
  },
  {
    model: "ensemble_scheduling_set",
    config: `${io} ensemble_scheduling { step [ { model_name: "x" model_version: -1 } ] }`,
    expected: "ensemble scheduling cannot be set for model 'ensemble_scheduling_set' whose platform is not ensemble"
  },
  {
    model: "invalid_cpu",
    config: `${batched} instance_group [ { kind: KIND_CPU gpus: [ 0 ] } ]`,
    expected: "instance group invalid_cpu_0 of model invalid_cpu has kind KIND_CPU but specifies one or more GPU"
  },
  {
    model: "invalid_model_kind",
    config: `${batched} instance_group [ { kind: KIND_MODEL gpus: [ 0 ] } ]`,
    expected:
      "instance group invalid_model_kind_0 of model invalid_model_kind has kind KIND_MODEL but specifies one or more GPUs"
  },
  {
    model: "auto_gpus",
    config: `${batched} instance_group [ { gpus: [ 0 ] } ]`,
    expected: "instance group auto_gpus_0 of model auto_gpus has kind KIND_CPU but specifies one or more GPUs"
  },
  {
    model: "gpu_group",
    config: `${batched} instance_group [ { kind: KIND_GPU } ]`,
    expected: "instance group gpu_group_0 of model gpu_group has kind KIND_GPU but server does not support GPUs"
  },
  {
    model: "profile",
    config: `${batched} instance_group [ { profile: "1" } ]`,
    expected:
      "instance group profile_0 of model profile and platform onnxruntime_onnxspecifies profile field which is only " +
      "supported for TensorRT models"
  },
  {
    model: "invalid_runtime",
    config: `${batched} backend: "onnxruntime" runtime: "__invalid_runtime__"`,
    expected: "unable to find backend library '__invalid_runtime__' for model 'invalid_runtime'"
  },
  {
    model: "runtime_escape",
    config: `${batched} runtime: "../dummy_runtime/libtriton_identity.so"`,
    expected: "backend library name '../dummy_runtime/libtriton_identity.so' escapes backend directory"
  },
  {
    model: "no_metric_identifier",
    config: `${batched} model_metrics { metric_control: [ { histogram_options: { buckets: [ 1 ] } } ] }`,
    expected: "metric control must specify 'metric_identifier'"
  },
  {
    model: "empty_metric_family",
    config:
      `${batched} model_metrics { metric_control: [ { metric_identifier: { family: "" } histogram_options: { buckets: [ 1 ] } } ] }`,
    expected: "metric identifier must specify non-empty 'family'"
  },
  {
    model: "no_histogram_options",
    config: `${batched} model_metrics { metric_control: [ { metric_identifier: { family: "f" } } ] }`,
    expected: "metric control must specify 'histogram_options'"
  },
  {
    model: "empty_buckets",
    config:
      `${batched} model_metrics { metric_control: [ { metric_identifier: { family: "f" } histogram_options: { } } ] }`,
    expected: "histogram options must specify non-empty 'buckets'"
  },
  {
    model: "another_name",
    config: `name: "one_name"\n${batched}`,
    expected: "unexpected directory name 'another_name' for model 'one_name', directory name must equal model name"
  },
  {
    model: "bad_thread_count",
    config: `${batched} parameters { key: "intra_op_thread_count" value { string_value: "many" } }`,
    expected: "failed to convert 'many' to integral number"
  },
  {
    model: "bad_execution_mode",
    config: `${batched} parameters { key: "execution_mode" value { string_value: "2" } }`,
    expected: "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got 2 ."
  },
  {
    model: "unknown_accelerator",
    config: `${batched} optimization { execution_accelerators { cpu_execution_accelerator [ { name: "warp" } ] } }`,
    expected: "unknown Execution Accelerator 'warp' is requested"
  },
  {
    model: "escaping_file",
    config: `${batched} default_model_filename: "../../x.onnx"`,
    expected: "default_model_filename '../../x.onnx' of model 'escaping_file' leads out of the version directory"
  }
]

/** Configs that are refused whatever the platform, or because of it. @category constants */
export const backendCases: ReadonlyArray<BadConfig> = [
  {
    model: "pair",
    config: `platform: "onnxruntim" default_model_filename: "model.onnx"\n${batched}`,
    expected: "unexpected 'platform' and 'backend' pair, got:onnxruntim, onnxruntime"
  },
  {
    model: "unknown_platform",
    config: `platform: "onnx" default_model_filename: "net.onnx"\n${batched}`,
    expected: "unexpected platform type 'onnx' for unknown_platform"
  },
  ...["tensorrt_plan", "tensorflow_graphdef", "tensorflow_savedmodel"].map((platform) => ({
    model: platform,
    config: `platform: "${platform}"\n${batched}`,
    expected:
      `unable to find backend library for backend '${platform.split("_")[0]}', try specifying runtime on the model ` +
      "configuration."
  })),
  {
    model: "caffe2_netdef",
    config: `platform: "caffe2_netdef" default_model_filename: "x"\n${batched}`,
    expected: "unexpected platform type 'caffe2_netdef' for caffe2_netdef"
  },
  {
    model: "custom",
    config: `platform: "custom" default_model_filename: "x"\n${batched}`,
    expected:
      "default_model_filename 'x' of the custom model 'custom' names no module: expected a file that ends in .ts"
  },
  {
    model: "unknown_backend.unknown",
    config: "",
    expected: "unable to find backend library for backend 'unknown', try specifying runtime on the model configuration."
  },
  {
    model: "ensemble_backend",
    config: `platform: "ensemble" backend: "onnxruntime"\n${io}`,
    expected: "Ensemble model 'ensemble_backend' must have platform type 'ensemble' and empty backend type"
  },
  {
    model: "ensemble_without",
    config: `platform: "ensemble"\n${io}`,
    expected: "ensemble scheduling must be set for ensemble ensemble_without whose platform is ensemble"
  },
  {
    model: "tags_twice",
    config: "max_batch_size: 1\nmax_batch_size: 2",
    expected: "Non-repeated field \"max_batch_size\" is specified multiple times."
  },
  { model: "camel_case", config: "maxBatchSize: 1", expected: "has no field named \"maxBatchSize\"." },
  {
    model: "stray_brace",
    config: "max_batch_size: 1 }",
    expected: "1:19: "
  }
]
