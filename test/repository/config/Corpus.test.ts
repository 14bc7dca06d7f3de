/** The corpus of bad configurations, as far as it needs no model file. */
import { assert, describe, it } from "@effect/vitest"
import type { Options } from "./Stages.ts"
import { fault, twoGpus } from "./Stages.ts"

type Case = readonly [name: string, text: string, expected: string, options?: Options]

const io = (input: string, output = "name: \"output\" data_type: TYPE_FP32 dims: [ 16 ]") =>
  `input { name: "input" data_type: TYPE_FP32 ${input} } output { ${output} }`
const batched = "max_batch_size: 8"
const plain = io("dims: [ 16 ]")
const zero = "dimension must be integer >= 1, or -1 to indicate a variable-size dimension"
const size = "has different size for dims and reshape"
const wild = "has different number of variable-size dimensions for dims and reshape"

const reshapes: ReadonlyArray<readonly [name: string, io: string, expected: string]> = [
  [
    "zerodims0",
    "dims: [ 16 ] reshape { shape: [ 0 ] }",
    `reshape ${zero.replace("dimension must", "dimensions must")}`
  ],
  [
    "zerodims1",
    "dims: [ 16 ] reshape { shape: [ 4, 0, 4 ] }",
    `reshape ${zero.replace("dimension must", "dimensions must")}`
  ],
  ["elementcount0", "dims: [ 1, 3, 2 ] reshape { shape: [ 5 ] }", size],
  ["elementcount2", "dims: [ 15 ] reshape { shape: [ 2, 1, 5 ] }", size],
  ["variable0", "dims: [ 2, -1 ] reshape { shape: [ 2, 2 ] }", size],
  ["variable2", "dims: [ 2, -1 ] reshape { shape: [ 2, -1, 2 ] }", size],
  ["variable4", "dims: [ 2, -1 ] reshape { shape: [ 2, -1, -1 ] }", wild]
]

const control = (controls: string) => `${batched} ${plain} sequence_batching { ${controls} }`
const booleans = "int32_false_true: [ 0, 1 ]"

const cases: ReadonlyArray<Case> = [
  [
    "negative_max_batch_size",
    `max_batch_size: -1 ${plain}`,
    "'max_batch_size' must be non-negative value for negative_max_batch_size"
  ],
  [
    "no_datatype",
    "input { name: \"input\" dims: [ 16 ] }",
    "model input 'input' must specify 'data_type' for no_datatype"
  ],
  ["zerodims_input0", io("dims: [ 0 ]"), `model input 'input' ${zero} for zerodims_input0`],
  ["zerodims_input1", io("dims: [ 2, 0, 3 ]"), `model input 'input' ${zero} for zerodims_input1`],
  [
    "zerodims_output0",
    io("dims: [ 16 ]", "name: \"output\" data_type: TYPE_FP32 dims: [ 0 ]"),
    `model output 'output' ${zero} for zerodims_output0`
  ],
  ...reshapes.flatMap(([name, shapes, expected]): ReadonlyArray<Case> => [
    [`reshape_${name}`, `${batched} ${io(shapes)}`, `model input 'input' ${expected} for reshape_${name}`],
    [`reshape_nobatch_${name}`, io(shapes), `model input 'input' ${expected} for reshape_nobatch_${name}`],
    [
      `reshape_output_${name}`,
      `${batched} ${io("dims: [ 16 ]", `name: "output" data_type: TYPE_FP32 ${shapes}`)}`,
      `model output 'output' ${expected} for reshape_output_${name}`
    ]
  ]),
  [
    "reshape_nobatch_empty0",
    io("dims: [ 1 ] reshape { shape: [ ] }"),
    "model input 'input' cannot have empty reshape for non-batching model as scalar tensors are not supported for " +
    "reshape_nobatch_empty0"
  ],
  [
    "invalid_cpu",
    `${plain} instance_group { kind: KIND_CPU gpus: [ 0 ] }`,
    "instance group invalid_cpu_0 of model invalid_cpu has kind KIND_CPU but specifies one or more GPUs"
  ],
  [
    "invalid_gpu",
    `${plain} instance_group { kind: KIND_GPU gpus: [ 42 ] }`,
    "instance group invalid_gpu_0 of model invalid_gpu specifies invalid or unsupported gpu id 42. GPUs with at least " +
    "the minimum required CUDA compute compatibility of 7.500000 are: 0, 1",
    { gpus: twoGpus }
  ],
  [
    "negative_gpu",
    `${plain} instance_group [ { kind: KIND_CPU }, { kind: KIND_GPU gpus: [ -1 ] } ]`,
    "instance group negative_gpu_1 of model negative_gpu specifies invalid or unsupported gpu id -1. GPUs with at " +
    "least the minimum required CUDA compute compatibility of 7.500000 are: 0, 1",
    { gpus: twoGpus }
  ],
  [
    "default_priority_level0",
    `${batched} ${plain} dynamic_batching { priority_levels: 3 }`,
    "default priority level must be in range [1, 3] for default_priority_level0"
  ],
  [
    "default_priority_level1",
    `${batched} ${plain} dynamic_batching { priority_levels: 3 default_priority_level: 4 }`,
    "default priority level must be in range [1, 3] for default_priority_level1"
  ],
  ...["0", "4"].map((key): Case => [
    `priority_level${key}`,
    `${batched} ${plain} dynamic_batching { priority_levels: 3 default_priority_level: 1 ` +
    `priority_queue_policy { key: ${key} value { } } }`,
    `priority queue policy must have priority level in range [1, 3] for priority_level${key}`
  ]),
  [
    "preserve_ordering0",
    `${batched} ${plain} dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }`,
    "Only one priority level is allowed when 'preserve_ordering' is true for preserve_ordering0"
  ],
  ...[
    "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 100 }",
    "priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 1 value { timeout_action: DELAY " +
    "default_timeout_microseconds: 100 } }"
  ].map((policy, index): Case => [
    `preserve_ordering${index + 1}`,
    `${batched} ${plain} dynamic_batching { preserve_ordering: true ${policy} }`,
    "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for " +
    `preserve_ordering${index + 1}`
  ]),
  ...["START", "END", "READY"].map((kind): Case => [
    `control_kind_${kind.toLowerCase()}_multiple`,
    control(
      `control_input { name: "A" control { kind: CONTROL_SEQUENCE_${kind} ${booleans} } } ` +
        `control_input { name: "B" control { kind: CONTROL_SEQUENCE_${kind} ${booleans} } }`
    ),
    `sequence batching specifies multiple CONTROL_SEQUENCE_${kind} tensors for control_kind_${kind.toLowerCase()}_multiple`
  ]),
  [
    "control_tensor_multiple",
    control(
      `control_input { name: "START" control { kind: CONTROL_SEQUENCE_START ${booleans} } } ` +
        `control_input { name: "START" control { kind: CONTROL_SEQUENCE_READY ${booleans} } }`
    ),
    "sequence batching control tensor 'START' is specified for multiple control kinds for control_tensor_multiple"
  ],
  [
    "control_tensor_no_value",
    control(
      `control_input { name: "START" control { kind: CONTROL_SEQUENCE_START ${booleans} } } ` +
        "control_input { name: \"READY\" control { kind: CONTROL_SEQUENCE_READY } }"
    ),
    "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for " +
    "CONTROL_SEQUENCE_READY for control_tensor_no_value"
  ],
  ...[
    "BATCH_ELEMENT_COUNT",
    "BATCH_ACCUMULATED_ELEMENT_COUNT",
    "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
    "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE"
  ]
    .flatMap((kind): ReadonlyArray<Case> => [
      [
        `${kind}_no_source`,
        `${plain} batch_input { kind: ${kind} target_name: "B" data_type: TYPE_FP32 }`,
        `batch input kind '${kind}' expects 1 source input, got 0 for ${kind}_no_source`
      ],
      [
        `${kind}_two_sources`,
        `${plain} batch_input { kind: ${kind} target_name: "B" data_type: TYPE_FP32 source_input: [ "input", "input" ] }`,
        `batch input kind '${kind}' expects 1 source input, got 2 for ${kind}_two_sources`
      ]
    ]),
  [
    "batch_input_unknown_source",
    `${plain} batch_input { target_name: "B" data_type: TYPE_FP32 source_input: "UNKNOWN_INPUT" }`,
    "unknown source input name 'UNKNOWN_INPUT' for batch_input_unknown_source"
  ],
  ...([
    [
      "no_source",
      "target_name: \"output\"",
      "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0"
    ],
    [
      "two_sources",
      "target_name: \"output\" source_input: [ \"input\", \"input\" ]",
      "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 2"
    ],
    [
      "unknown_source",
      "target_name: \"output\" source_input: \"UNKNOWN_INPUT\"",
      "unknown source input name 'UNKNOWN_INPUT'"
    ],
    [
      "unknown_target",
      "target_name: \"UNKNOWN_OUTPUT\" source_input: \"input\"",
      "unknown target output name 'UNKNOWN_OUTPUT'"
    ],
    [
      "target_twice",
      "target_name: [ \"output\", \"output\" ] source_input: \"input\"",
      "target output name 'output' can only be specified once"
    ]
  ] as const).map(([name, fields, expected]): Case => [
    `batch_output_${name}`,
    `${plain} batch_output { ${fields} }`,
    `${expected} for batch_output_${name}`
  ]),
  [
    "ensemble_scheduling_set",
    `${plain} ensemble_scheduling { }`,
    "ensemble scheduling cannot be set for model 'ensemble_scheduling_set' whose platform is not ensemble"
  ],
  [
    "unknown_platform",
    `platform: "onnxruntim" default_model_filename: "model.onnx" ${plain}`,
    "unexpected 'platform' and 'backend' pair, got:onnxruntim, onnxruntime"
  ],
  [
    "invalid_runtime",
    `runtime: "__invalid_runtime__" ${plain}`,
    "unable to find backend library '__invalid_runtime__' for model 'invalid_runtime', searched: 'r/invalid_runtime/1' " +
    "'r/invalid_runtime' '/opt/backends/onnxruntime' "
  ],
  [
    "runtime_escape",
    `runtime: "../dummy_runtime/libtriton_identity.so" ${plain}`,
    "backend library name '../dummy_runtime/libtriton_identity.so' escapes backend directory " +
    "'/opt/backends/onnxruntime', for model 'runtime_escape', check model config runtime field"
  ]
]

const platformless: ReadonlyArray<Case> = [
  ...["no_version", "no_delimiter"].map((name): Case => [
    name,
    "",
    `Invalid model name: Could not determine backend for model '${name}' with no backend in model configuration. ` +
    "Expected model name of the form 'model.<backend_name>'. No model file was found in it: an ONNX model is expected at " +
    `${name}/1/model.onnx.`
  ]),
  [
    "unknown_backend.unknown",
    plain,
    "unable to find backend library for backend 'unknown', try specifying runtime on the model configuration. " +
    "The backends that run here are \"onnxruntime\" and \"custom\": export the model to ONNX, write it in TypeScript with " +
    "platform \"custom\", or remove its directory from the repository."
  ]
]

const metrics: ReadonlyArray<readonly [name: string, text: string, expected: string]> = [
  [
    "no_metric_identifier",
    "metric_control { histogram_options { buckets: 1 } }",
    "metric control must specify 'metric_identifier'"
  ],
  ["no_metric_family", "metric_control { metric_identifier { } }", "metric identifier must specify non-empty 'family'"],
  [
    "empty_metric_family",
    "metric_control { metric_identifier { family: \"\" } }",
    "metric identifier must specify non-empty 'family'"
  ],
  [
    "no_histogram_options",
    "metric_control { metric_identifier { family: \"f\" } }",
    "metric control must specify 'histogram_options'"
  ],
  ...["", "buckets: [ ]"].map((buckets, index) =>
    [
      `empty_buckets${index}`,
      `metric_control { metric_identifier { family: "f" } histogram_options { ${buckets} } }`,
      "histogram options must specify non-empty 'buckets'"
    ] as const
  )
]

describe("corpus of bad configurations", () => {
  for (const [name, text, expected, options] of cases) {
    it(`refuses ${name}`, () => {
      const whole = text.includes("platform:") ? text : `platform: "onnxruntime_onnx" ${text}`
      assert.strictEqual(fault(whole, { ...options, name }), expected)
    })
  }

  for (const [name, text, expected, options] of platformless) {
    it(`refuses ${name}`, () => {
      assert.strictEqual(fault(text, { ...options, name }), expected)
    })
  }

  for (const [name, text, expected] of metrics) {
    it(`refuses ${name}`, () => {
      assert.strictEqual(fault(`platform: "onnxruntime_onnx" ${plain} model_metrics { ${text} }`, { name }), expected)
    })
  }

  it("refuses a config whose name is not the directory's", () => {
    assert.strictEqual(
      fault(`name: "other" platform: "onnxruntime_onnx" ${plain}`, { name: "mine" }),
      "unexpected directory name 'mine' for model 'other', directory name must equal model name"
    )
  })
})
