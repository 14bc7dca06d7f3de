import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Config from "../../../src/schema/ModelConfig.ts"
import { fromJson, toJson } from "../../../src/schema/proto/ConfigJson.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"

const group = { name: "digits", kind: "KIND_CPU", count: 2 } as const
const pinned = { input_pinned_memory: { enable: true }, output_pinned_memory: { enable: true } } as const

const digits = Config.make({
  name: "digits",
  platform: "onnxruntime_onnx",
  backend: "onnxruntime",
  version_policy: { latest: { num_versions: 1 } },
  max_batch_size: 4,
  input: [{ name: "image", data_type: "TYPE_FP32", dims: [1, 28, 28] }],
  output: [{ name: "scores", data_type: "TYPE_FP32", dims: [10] }],
  optimization: pinned,
  dynamic_batching: { preferred_batch_size: [4] },
  instance_group: [group],
  default_model_filename: "model.onnx"
})

const digitsJson = [
  "{\"name\":\"digits\",\"platform\":\"onnxruntime_onnx\",\"backend\":\"onnxruntime\",\"runtime\":\"\",",
  "\"version_policy\":{\"latest\":{\"num_versions\":1}},\"max_batch_size\":4,\"input\":[{\"name\":\"image\",",
  "\"data_type\":\"TYPE_FP32\",\"format\":\"FORMAT_NONE\",\"dims\":[1,28,28],\"is_shape_tensor\":false,",
  "\"allow_ragged_batch\":false,\"optional\":false,\"is_non_linear_format_io\":false}],\"output\":[{\"name\":\"scores\",",
  "\"data_type\":\"TYPE_FP32\",\"dims\":[10],\"label_filename\":\"\",\"is_shape_tensor\":false,",
  "\"is_non_linear_format_io\":false}],\"batch_input\":[],\"batch_output\":[],\"optimization\":{",
  "\"priority\":\"PRIORITY_DEFAULT\",\"input_pinned_memory\":{\"enable\":true},\"output_pinned_memory\":{\"enable\":true},",
  "\"gather_kernel_buffer_threshold\":0,\"eager_batching\":false},\"dynamic_batching\":{\"preferred_batch_size\":[4],",
  "\"max_queue_delay_microseconds\":0,\"preserve_ordering\":false,\"priority_levels\":0,\"default_priority_level\":0,",
  "\"priority_queue_policy\":{}},\"instance_group\":[{\"name\":\"digits\",\"kind\":\"KIND_CPU\",\"count\":2,\"gpus\":[],",
  "\"secondary_devices\":[],\"profile\":[],\"passive\":false,\"host_policy\":\"\"}],",
  "\"default_model_filename\":\"model.onnx\",\"cc_model_filenames\":{},\"metric_tags\":{},\"parameters\":{},",
  "\"model_warmup\":[]}"
].join("")

/** The JSON of one field of a config. */
const part = (draft: Config.Draft, field: string): string => {
  const json = toJson(Config.make(draft))
  const start = json.indexOf(`"${field}":`)
  const next = [...json.matchAll(/"(\w+)":/g)].map((match) => match.index)
  let depth = 0
  let end = start
  for (; end < json.length; end++) {
    if ("{[".includes(json[end]!)) depth++
    if ("}]".includes(json[end]!) && --depth < 0) break
    if (depth === 0 && json[end] === "," && next.includes(end + 1)) break
  }
  return json.slice(start + field.length + 3, end)
}

describe("toJson", () => {
  it("writes the recorded answer byte for byte", () => {
    assert.strictEqual(toJson(digits), digitsJson)
  })

  it("keeps the order of declaration in every message", () => {
    const keys = (json: string) => Object.keys(JSON.parse(json) as object).join(" ")
    const first = (json: string) => keys(JSON.stringify((JSON.parse(json) as ReadonlyArray<object>)[0]))
    const full = {
      input: [{ reshape: {} }],
      output: [{ reshape: {} }],
      optimization: { ...pinned, graph: {}, cuda: {}, execution_accelerators: {} },
      sequence_batching: {
        oldest: {},
        control_input: [{ control: [{}] }],
        state: [{ initial_state: [{ data_file: "x" }] }]
      },
      instance_group: [{ rate_limiter: { resources: [{}] } }],
      model_warmup: [{ inputs: { x: { zero_data: false } } }]
    } satisfies Config.Draft
    assert.strictEqual(
      first(part(full, "input")),
      "name data_type format dims reshape is_shape_tensor allow_ragged_batch optional is_non_linear_format_io"
    )
    assert.strictEqual(
      first(part(full, "output")),
      "name data_type dims reshape label_filename is_shape_tensor is_non_linear_format_io"
    )
    assert.strictEqual(
      keys(part(full, "optimization")),
      "graph priority cuda execution_accelerators input_pinned_memory output_pinned_memory " +
        "gather_kernel_buffer_threshold eager_batching"
    )
    assert.strictEqual(
      keys(part(full, "sequence_batching")),
      "oldest max_sequence_idle_microseconds control_input state iterative_sequence"
    )
    assert.strictEqual(
      keys(part(full, "oldest")),
      "max_candidate_sequences preferred_batch_size max_queue_delay_microseconds preserve_ordering"
    )
    assert.strictEqual(
      first(part(full, "control")),
      "kind int32_false_true fp32_false_true bool_false_true data_type"
    )
    assert.strictEqual(
      first(part(full, "state")),
      "input_name output_name data_type dims initial_state use_same_buffer_for_input_output use_growable_memory"
    )
    assert.strictEqual(first(part(full, "initial_state")), "data_type dims name data_file")
    assert.strictEqual(
      first(part(full, "instance_group")),
      "name kind count rate_limiter gpus secondary_devices profile passive host_policy"
    )
    assert.strictEqual(keys(part(full, "rate_limiter")), "resources priority")
    assert.strictEqual(first(part(full, "resources")), "name global count")
    assert.strictEqual(first(part(full, "model_warmup")), "name batch_size inputs count")
    assert.strictEqual(part(full, "inputs"), "{\"x\":{\"data_type\":\"TYPE_INVALID\",\"dims\":[],\"zero_data\":false}}")
    const batching = { dynamic_batching: { default_queue_policy: {} } }
    assert.strictEqual(
      keys(part(batching, "dynamic_batching")),
      "preferred_batch_size max_queue_delay_microseconds preserve_ordering priority_levels default_priority_level " +
        "default_queue_policy priority_queue_policy"
    )
    assert.strictEqual(
      keys(part(batching, "default_queue_policy")),
      "timeout_action default_timeout_microseconds allow_timeout_override max_queue_size"
    )
    const tail = toJson(Config.make({
      model_operations: {},
      model_transaction_policy: {},
      model_repository_agents: {},
      response_cache: {},
      model_metrics: {}
    }))
    assert.strictEqual(
      keys(tail).slice(keys(tail).indexOf("default_model_filename")),
      "default_model_filename cc_model_filenames metric_tags parameters model_warmup model_operations " +
        "model_transaction_policy model_repository_agents response_cache model_metrics"
    )
  })

  it("writes the end of an ensemble's config", () => {
    const json = toJson(Config.make({
      platform: "ensemble",
      ensemble_scheduling: {
        step: [{ model_name: "m", model_version: -1, input_map: { x: "I" }, output_map: { y: "O" } }]
      },
      model_transaction_policy: { decoupled: false }
    }))
    assert.include(
      json,
      "\"ensemble_scheduling\":{\"step\":[{\"model_name\":\"m\",\"model_version\":-1,\"input_map\":{\"x\":\"I\"}," +
        "\"output_map\":{\"y\":\"O\"},\"model_namespace\":\"\"}],\"max_inflight_requests\":0},\"instance_group\":[]," +
        "\"default_model_filename\":\"\","
    )
    assert.isTrue(json.endsWith("\"model_transaction_policy\":{\"decoupled\":false}}"))
    assert.notInclude(json, "optimization")
  })

  it("writes 64-bit integers as exact numbers, four fields as strings", () => {
    const most = 18446744073709551615n
    assert.strictEqual(
      part({ dynamic_batching: { max_queue_delay_microseconds: most } }, "max_queue_delay_microseconds"),
      "18446744073709551615"
    )
    assert.strictEqual(
      part(
        { dynamic_batching: { priority_queue_policy: { "7": { default_timeout_microseconds: 9n } } } },
        "priority_queue_policy"
      ),
      "{\"7\":{\"timeout_action\":\"REJECT\",\"default_timeout_microseconds\":9,\"allow_timeout_override\":false," +
        "\"max_queue_size\":0}}"
    )
    assert.strictEqual(
      part({ version_policy: { specific: { versions: [1, 3] } } }, "version_policy"),
      "{\"specific\":{\"versions\":[1,3]}}"
    )
    assert.strictEqual(
      part({ instance_group: [{ secondary_devices: [{ device_id: -5n }] }] }, "secondary_devices"),
      "[{\"kind\":\"KIND_NVDLA\",\"device_id\":\"-5\"}]"
    )
    const shape = { x: { dim: [1, 2] } }
    assert.strictEqual(
      part(
        { optimization: { cuda: { graph_spec: [{ input: shape, graph_lower_bound: { input: shape } }] } } },
        "graph_spec"
      ),
      "[{\"batch_size\":0,\"input\":{\"x\":{\"dim\":[\"1\",\"2\"]}},\"graph_lower_bound\":{\"batch_size\":0," +
        "\"input\":{\"x\":{\"dim\":[\"1\",\"2\"]}}}}]"
    )
    assert.strictEqual(
      part({ sequence_batching: { state: [{ dims: [4], initial_state: [{ dims: [4] }] }] } }, "state"),
      "[{\"input_name\":\"\",\"output_name\":\"\",\"data_type\":\"TYPE_INVALID\",\"dims\":[4],\"initial_state\":[{" +
        "\"data_type\":\"TYPE_INVALID\",\"dims\":[\"4\"],\"name\":\"\"}],\"use_same_buffer_for_input_output\":false," +
        "\"use_growable_memory\":false}]"
    )
  })

  it("writes floats by their shortest digits, whole ones without a fraction", () => {
    const utilization = (value: number) =>
      part(
        { sequence_batching: { direct: { minimum_slot_utilization: Math.fround(value) } } },
        "minimum_slot_utilization"
      )
    assert.deepStrictEqual([0.1, 0.5, 1, 0, 1 / 3].map(utilization), ["0.1", "0.5", "1", "0", "0.33333334"])
    assert.strictEqual(
      part({
        model_metrics: { metric_control: [{ histogram_options: { buckets: [100, 0.1, 1e-7, 1e21, Infinity, NaN] } }] }
      }, "buckets"),
      "[100,0.1,1e-7,1e21,\"Infinity\",\"NaN\"]"
    )
    assert.strictEqual(
      part({ sequence_batching: { control_input: [{ control: [{ fp32_false_true: [0, 1] }] }] } }, "fp32_false_true"),
      "[0,1]"
    )
  })

  it("writes unknown enum numbers as numbers", () => {
    assert.include(part({ input: [{ data_type: 99 }] }, "input"), "\"data_type\":99,")
  })

  it("escapes quotes, backslashes and control characters only", () => {
    assert.strictEqual(
      part({ name: "\"\\/\b\f\n\r\t\u0001\u001f\u007f\u0085é\u2028😀" }, "name"),
      "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\u007f\u0085é\u2028😀\""
    )
  })

  it("writes the members of a oneof only when set, messages only when present", () => {
    const json = toJson(Config.empty)
    for (const absent of ["dynamic_batching", "version_policy", "optimization", "response_cache", "reshape"]) {
      assert.notInclude(json, absent)
    }
    assert.strictEqual(part({ version_policy: {} }, "version_policy"), "{}")
  })
})

describe("fromJson", () => {
  const read = (text: string) => Result.getOrThrow(fromJson(text))
  const message = (text: string) => Result.getOrThrow(Result.flip(fromJson(text))).message

  it("reads back what was written", () => {
    assert.deepStrictEqual(read(digitsJson), digits)
  })

  it("gives the same config as the text format", () => {
    const text =
      Result.getOrThrow(parseModelConfig("backend: \"onnxruntime\" input { dims: [1] }", { path: "" })).config
    assert.deepStrictEqual(read("{\"backend\":\"onnxruntime\",\"input\":[{\"dims\":[1]}]}"), text)
  })

  it("takes either spelling of names, enum names in any case, and enum numbers", () => {
    const expected = Config.make({ max_batch_size: 8, instance_group: [{ kind: "KIND_CPU" }] })
    for (
      const text of [
        "{\"max_batch_size\":8,\"instance_group\":[{\"kind\":\"KIND_CPU\"}]}",
        "{\"maxBatchSize\":\"8\",\"instanceGroup\":[{\"kind\":\"kind_cpu\"}]}",
        "{\"maxBatchSize\":8.0,\"instanceGroup\":[{\"kind\":2}]}",
        " { \"max_batch_size\" : 8e0 , \"name\" : null , \"instance_group\" : [ { \"kind\" : \"Kind_Cpu\" } ] } "
      ]
    ) assert.deepStrictEqual(read(text), expected)
    assert.deepStrictEqual(
      read("{\"sequence_batching\":{\"control_input\":[{\"control\":[{\"int32FalseTrue\":[0,1]}]}]}}"),
      Config.make({ sequence_batching: { control_input: [{ control: [{ int32_false_true: [0, 1] }] }] } })
    )
    assert.strictEqual(read("{\"instance_group\":[{\"kind\":77}]}").instance_group[0]?.kind, 77)
  })

  it("reads 64-bit integers exactly, from numbers and from strings", () => {
    for (const number of ["18446744073709551615", "\"18446744073709551615\""]) {
      const config = read(`{"dynamic_batching":{"max_queue_delay_microseconds":${number}}}`)
      assert.strictEqual(config.dynamic_batching?.max_queue_delay_microseconds, 18446744073709551615n)
    }
    const policies = read("{\"dynamic_batching\":{\"priority_queue_policy\":{\"9007199254740993\":{}}}}")
    assert.deepStrictEqual(Object.keys(policies.dynamic_batching?.priority_queue_policy ?? {}), ["9007199254740993"])
    assert.deepStrictEqual(read("{\"input\":[{\"dims\":[\"3\",-1]}]}").input[0]?.dims, [3, -1])
  })

  it("reads floats, and their names of the values JSON lacks", () => {
    const buckets = (text: string) =>
      read(`{"model_metrics":{"metric_control":[{"histogram_options":{"buckets":${text}}}]}}`).model_metrics
        ?.metric_control[0]?.histogram_options?.buckets
    assert.deepStrictEqual(buckets("[1,0.5,\"2.5\",1e3,\"NaN\",\"-Infinity\"]"), [1, 0.5, 2.5, 1000, NaN, -Infinity])
  })

  const refusals: ReadonlyArray<readonly [text: string, message: string]> = [
    [
      "{\"max_batchsize\":8}",
      "max_batchsize: no such field in inference.ModelConfig (did you mean \"max_batch_size\"?)"
    ],
    ["{\"tags\":{}}", "tags: no such field in inference.ModelConfig (did you mean \"metric_tags\"?)"],
    ["{\"inputs\":[]}", "inputs: no such field in inference.ModelConfig (did you mean \"input\"?)"],
    ["{\"__proto__\":{}}", "__proto__: no such field in inference.ModelConfig"],
    ["{\"input\":[{\"dims\":[1,\"x\"]}]}", "input[0].dims[1]: expected an integer, got x"],
    ["{\"input\":[{\"dims\":[1.5]}]}", "input[0].dims[0]: expected an integer, got 1.5"],
    ["{\"input\":{}}", "input: expected a list, got an object"],
    ["{\"input\":[null]}", "input[0]: expected an object, got null"],
    ["{\"name\":5}", "name: expected a string, got a number"],
    ["{\"name\":\"\\ud800\"}", "name: the string holds half of a surrogate pair"],
    ["{\"max_batch_size\":2147483648}", "max_batch_size: 2147483648 is out of range"],
    ["{\"max_batch_size\":true}", "max_batch_size: expected an integer, got a boolean"],
    ["{\"max_batch_size\":1e99}", "max_batch_size: expected an integer, got 1e99"],
    ["{\"response_cache\":{\"enable\":\"true\"}}", "response_cache.enable: expected true or false, got a string"],
    [
      "{\"instance_group\":[{\"kind\":\"KIND_TPU\"}]}",
      "instance_group[0].kind: \"KIND_TPU\" is no name of inference.ModelInstanceGroup.Kind (did you mean \"KIND_GPU\"?)"
    ],
    ["{\"max_batch_size\":1,\"maxBatchSize\":1}", "maxBatchSize: given in both spellings"],
    [
      "{\"dynamic_batching\":{},\"sequence_batching\":{}}",
      "sequence_batching: \"dynamic_batching\" of the same oneof \"scheduling_choice\" is given too"
    ],
    ["{\"parameters\":{\"a\":\"b\"}}", "parameters[\"a\"]: expected an object, got a string"],
    [
      "{\"dynamic_batching\":{\"priority_queue_policy\":{\"one\":{}}}}",
      "dynamic_batching.priority_queue_policy[\"one\"]: expected an integer, got one"
    ],
    [
      "{\"model_metrics\":{\"metric_control\":[{\"histogram_options\":{\"buckets\":[1,true]}}]}}",
      "model_metrics.metric_control[0].histogram_options.buckets[1]: expected a number, got a boolean"
    ],
    [
      "{\"sequence_batching\":{\"direct\":{\"minimum_slot_utilization\":1e39}}}",
      "sequence_batching.direct.minimum_slot_utilization: 1e39 is out of range"
    ],
    ["{\"input\":[{\"data_type\":[]}]}", "input[0].data_type: expected a name of inference.DataType, got a list"],
    ["[]", "expected an object, got a list"],
    ["5", "expected an object, got a number"]
  ]
  for (const [text, expected] of refusals) {
    it(`refuses ${text}`, () => {
      assert.strictEqual(message(text), `Invalid config override: ${expected}`)
    })
  }

  it("refuses text that is no JSON", () => {
    for (const text of ["", "{", "{\"a\":1,}", "name: \"m\"", "{\"max_batch_size\":08}"]) {
      assert.match(message(text), /^Invalid config override: /)
    }
  })
})
