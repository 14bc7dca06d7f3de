import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { normaliseConfig, normaliseInstanceGroups } from "../../../src/layers/repository/internal/config/Normalise.ts"
import { configWarnings, validateConfig } from "../../../src/layers/repository/internal/config/Validate.ts"
import { validateStates } from "../../../src/layers/repository/internal/config/ValidateStates.ts"
import * as Config from "../../../src/schema/ModelConfig.ts"
import { fault, good, parse, twoGpus } from "./Stages.ts"

const control = (fields: string) => `sequence_batching { control_input { name: "C" control { ${fields} } } }`
const corrid = "CONTROL_SEQUENCE_CORRID"
const either = "'int32_false_true', 'fp32_false_true' or 'bool_false_true'"

const cases: ReadonlyArray<readonly [text: string, expected: string | undefined]> = [
  ["dynamic_batching { }", undefined],
  ["dynamic_batching { preferred_batch_size: [ 4, 8 ] }", undefined],
  ["dynamic_batching { preferred_batch_size: 0 }", "dynamic batching preferred size must be positive for m"],
  [
    "dynamic_batching { preferred_batch_size: [ 4, 9 ] }",
    "dynamic batching preferred size must be <= max batch size for m"
  ],
  ["dynamic_batching { priority_levels: 2 default_priority_level: 2 }", undefined],
  ["dynamic_batching { priority_queue_policy { key: 9 value { } } default_priority_level: 4 }", undefined],
  [
    "dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }",
    undefined
  ],
  ["sequence_batching { }", undefined],
  [
    "sequence_batching { } response_cache { enable: true }",
    "Response Cache does not currently support model m with sequence batching scheduler. Please disable the response cache."
  ],
  [
    "sequence_batching { control_input { control { } } }",
    "sequence batching control tensor must have a name for m"
  ],
  [control("int32_false_true: [ 0, 1 ]"), undefined],
  [control("kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ]"), undefined],
  [
    control("kind: CONTROL_SEQUENCE_READY"),
    `sequence batching must specify either ${either} for CONTROL_SEQUENCE_READY for m`
  ],
  [
    control("int32_false_true: [ 0, 1 ] fp32_false_true: [ 0, 1 ]"),
    "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for " +
    "CONTROL_SEQUENCE_START for m"
  ],
  ...(["int32", "fp32", "bool"] as const).map((type) =>
    [
      control(`${type}_false_true: 1`),
      `sequence batching control '${type}_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m`
    ] as const
  ),
  [control(`kind: ${corrid} data_type: TYPE_UINT64`), undefined],
  [control(`kind: ${corrid} data_type: TYPE_STRING`), undefined],
  [
    control(`kind: ${corrid} data_type: TYPE_UINT64 fp32_false_true: [ 0, 1 ]`),
    `sequence batching must not specify either ${either} for ${corrid} for m`
  ],
  [
    control(`kind: ${corrid} data_type: TYPE_FP32`),
    `unexpected data type for control ${corrid} for m. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, ` +
    "TYPE_INT32 and TYPE_STRING"
  ],
  [
    "sequence_batching { oldest { preferred_batch_size: -1 } }",
    "sequence batching preferred batch size must be positive for m"
  ],
  [
    "sequence_batching { oldest { preferred_batch_size: 9 } }",
    "sequence batching preferred batch size must be <= max batch size for m"
  ],
  ["sequence_batching { direct { minimum_slot_utilization: 0 } }", undefined],
  ["sequence_batching { direct { minimum_slot_utilization: 1 } }", undefined],
  ...["-0.5", "1.5", "nan"].map((utilization) =>
    [
      `sequence_batching { direct { minimum_slot_utilization: ${utilization} } }`,
      "sequence batching minimum slot utilization must be in range (0.0, 1.0] for m"
    ] as const
  ),
  [
    "sequence_batching { } parameters { key: \"galatea.sequence.max_backlog\" value { string_value: \"1\" } }",
    undefined
  ],
  ...["0", "-1", "1.5", "many", ""].map((value) =>
    [
      `sequence_batching { } parameters { key: "galatea.sequence.max_backlog" value { string_value: "${value}" } }`,
      "parameter 'galatea.sequence.max_backlog' of model 'm' must be a whole number of requests from 1 on, got " +
      `'${value}'`
    ] as const
  ),
  [
    "parameters { key: \"galatea.isolation\" value { string_value: \"fork\" } }",
    "parameter 'galatea.isolation' of model 'm' must be 'auto' or 'inline' or 'thread' or 'process', got 'fork'"
  ],
  ["parameters { key: \"galatea.max_run_microseconds\" value { string_value: \"50000\" } }", undefined],
  [
    "model_transaction_policy { decoupled: true } response_cache { enable: true }",
    "Response Cache does not currently support model m with 'decoupled' transaction policy. Please disable the response cache."
  ],
  ["model_transaction_policy { decoupled: true } response_cache { }", undefined],
  ["response_cache { enable: true }", undefined],
  ["batch_input { source_input: \"in\" data_type: TYPE_INT32 target_name: \"b\" }", undefined],
  ["model_warmup { name: \"w\" batch_size: 1 }", undefined]
]

describe("validateConfig", () => {
  for (const [text, expected] of cases) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${text}`, () => {
      assert.strictEqual(fault(`${good} ${text}`), expected)
    })
  }

  it("refuses preferred batch sizes of a model that does not batch, accepts the empty batcher", () => {
    const plain = "platform: \"onnxruntime_onnx\""
    assert.isUndefined(fault(`${plain} dynamic_batching { }`))
    assert.strictEqual(
      fault(`${plain} dynamic_batching { preferred_batch_size: 1 }`),
      "dynamic batching preferred size must be <= max batch size for m"
    )
  })

  it("reports the first fault in the order of the rules", () => {
    const message = (draft: Config.Draft, normalised = true) => {
      const config = Config.make(draft)
      const result = validateConfig(normalised ? normaliseConfig(config) : config)
      return Result.isFailure(result) ? `${result.failure.code}: ${result.failure.message}` : undefined
    }
    const all = {
      name: "m",
      backend: "onnxruntime",
      platform: "onnxruntime_onnx",
      max_batch_size: -1,
      dynamic_batching: { preferred_batch_size: [0] },
      model_metrics: { metric_control: [{}] }
    } satisfies Config.Draft
    assert.strictEqual(message({ ...all, name: "" }), "INVALID_ARG: model configuration must specify 'name'")
    assert.match(
      message({ ...all, backend: "" }) ?? "",
      /^INVALID_ARG: unexpected platform type 'onnxruntime_onnx' for m/
    )
    assert.strictEqual(
      message({ ...all, platform: "onnxruntime" }),
      "INVALID_ARG: unexpected 'platform' and 'backend' pair, got:onnxruntime, onnxruntime"
    )
    assert.strictEqual(message(all), "INVALID_ARG: 'max_batch_size' must be non-negative value for m")
    assert.strictEqual(
      message({ ...all, max_batch_size: 8 }, false),
      "INVALID_ARG: must specify 'version policy' for m"
    )
    assert.strictEqual(
      message({ ...all, max_batch_size: 8 }),
      "INVALID_ARG: dynamic batching preferred size must be positive for m"
    )
    assert.strictEqual(
      message({ ...all, max_batch_size: 8, dynamic_batching: {} }),
      "INVALID_ARG: metric control must specify 'metric_identifier'"
    )
  })

  it("warns of a metric family that cannot be set", () => {
    const warnings = (family: string) =>
      configWarnings(parse(`model_metrics { metric_control { metric_identifier { family: "${family}" } } }`))
    assert.deepStrictEqual(warnings("nv_inference_first_response_histogram_ms"), [])
    assert.deepStrictEqual(warnings("nv_other"), [
      "Metric family 'nv_other' in 'metric_identifier' is not a customizable metric in Triton core."
    ])
  })
})

const state = (fields: string, initial = "", type = "TYPE_FP32") =>
  `sequence_batching { state { input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: [ 2, -1 ] ${fields} ${
    initial === "" ? "" : `initial_state { data_type: ${type} ${initial} }`
  } } }`

describe("validateStates", () => {
  const fine = "dims: [ 2, 3 ] zero_data: true name: \"i\""
  const states: ReadonlyArray<readonly [text: string, expected: string | undefined]> = [
    [state(""), undefined],
    [state("", fine), undefined],
    [
      state("", `${fine} } initial_state { `),
      "initial_state field for state input 's' must contain exactly one or zero element. Found '2' elements."
    ],
    [
      state("", fine, "TYPE_INT32"),
      "The data type used for 'initial_state' field of state 's' does not match the state data type."
    ],
    [
      state("", "dims: [ 2, 3 ] zero_data: true"),
      "Field 'name' must be set when using initial_state for state input 's'."
    ],
    [
      "sequence_batching { state { input_name: \"s\" } state { input_name: \"s\" } }",
      "State input name 's' specified more than once."
    ],
    [
      state("", "dims: 2 zero_data: true name: \"i\""),
      "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input 's'. 1 != 2"
    ],
    [
      state("", "dims: [ 2, -1 ] zero_data: true name: \"i\""),
      "'initial_state' field for state input name 's' contains variable dimensions."
    ],
    [
      state("", "dims: [ 3, 3 ] zero_data: true name: \"i\""),
      "'initial_state' dim for input name 's' doesn't match 'state' dim description. 3 != 2"
    ],
    [
      state("", "dims: [ 2, 3 ] name: \"i\""),
      "initial_state setting expects state's' to have state_data set"
    ],
    [
      state("use_growable_memory: true"),
      "In order to 'use_growable_memory', you must also enable 'use_single_buffer' for state input name 's'."
    ],
    [
      state("use_growable_memory: true use_same_buffer_for_input_output: true"),
      "'use_growable_memory' can only work with KIND_GPU model instances right now. Please either change the instance type to " +
      "KIND_GPU or set 'use_growable_memory' to false for state input 's'."
    ],
    [state("", "dims: [ 2, 0 ] zero_data: true name: \"i\""), undefined],
    [
      "sequence_batching { state { input_name: \"s\" output_name: \"t\" data_type: TYPE_FP32 } " +
      "state { input_name: \"u\" output_name: \"t\" data_type: TYPE_FP32 } }",
      "State output name 't' specified more than once."
    ],
    [
      "sequence_batching { state { input_name: \"s\" data_type: TYPE_FP32 } }",
      "a state of model 'm' must have an 'input_name' and an 'output_name', got 's' and ''"
    ],
    [
      "sequence_batching { state { input_name: \"s\" output_name: \"t\" } }",
      "state 's' of model 'm' must specify 'data_type', got TYPE_INVALID"
    ],
    [
      "sequence_batching { state { input_name: \"s\" output_name: \"t\" data_type: TYPE_FP32 dims: [ -2 ] } }",
      "state 's' of model 'm' has the dims [-2], expected -1 or a size in each"
    ],
    [
      `${state("")} input { name: "s" data_type: TYPE_FP32 dims: 1 }`,
      "state 's' of model 'm' is listed in 'input' too, which is for what clients send: the server feeds states"
    ],
    [
      `${state("")} max_batch_size: 2 parameters { key: "galatea.shared.t" value { string_value: "true" } }`,
      "parameter 'galatea.shared.t' declares a tensor of state 's' of model 'm' shared by the whole batch, and a state belongs to " +
      "one sequence: remove the parameter"
    ],
    [
      `${state("")} max_batch_size: 2 parameters { key: "galatea.batch_dim.s" value { string_value: "1" } }`,
      "state 's' of model 'm' carries the batch in dimension 1 of 's' and in dimension 0 of 't', expected the same: set the " +
      "parameters 'galatea.batch_dim.s' and 'galatea.batch_dim.t' both"
    ]
  ]
  for (const [text, expected] of states) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${text}`, () => {
      const config = normaliseInstanceGroups(parse(`name: "m" ${text}`), { supported: false, present: 0, usable: [] })
      const result = validateStates(config)
      assert.strictEqual(Result.isFailure(result) ? result.failure.message : undefined, expected)
    })
  }

  it("has no memory that grows in place on GPUs either", () => {
    const config = parse(`name: "m" ${state("use_growable_memory: true use_same_buffer_for_input_output: true")}`)
    const result = validateStates(normaliseInstanceGroups(config, twoGpus))
    assert.deepStrictEqual(Result.isFailure(result) ? result.failure : undefined, {
      code: "UNSUPPORTED",
      message:
        "model 'm' asks for 'use_growable_memory' of state input 's', memory that grows in place, which this release does not " +
        "have: set it to false, a state with dims of -1 grows without it"
    })
  })
})
