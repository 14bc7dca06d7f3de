import { assert, describe, it } from "@effect/vitest"
import { datatypeRefusal, unimplemented } from "../../../src/layers/repository/internal/config/Unimplemented.ts"
import { fault, good, parse } from "./Stages.ts"

const found = (text: string) =>
  unimplemented(parse(`name: "m" ${text}`)).map(({ field, severity }) => `${severity} ${field}`)

const cases: ReadonlyArray<readonly [text: string, expected: ReadonlyArray<string>]> = [
  ["", []],
  ["sequence_batching { }", []],
  ["sequence_batching { iterative_sequence: true }", ["refuse sequence_batching.iterative_sequence"]],
  ["model_transaction_policy { decoupled: true }", ["refuse model_transaction_policy.decoupled"]],
  ["model_transaction_policy { }", []],
  ["batch_input { }", []],
  ["batch_output { }", []],
  ["input [ { }, { allow_ragged_batch: true } ]", []],
  ["input { data_type: TYPE_BF16 }", ["refuse input[0].data_type"]],
  ["output { data_type: TYPE_BF16 }", ["refuse output[0].data_type"]],
  ["model_operations { op_library_filename: \"x.so\" }", ["refuse model_operations"]],
  ["model_operations { }", []],
  [
    "model_repository_agents { agents [ { name: \"checksum\" }, { name: \"relocate\" } ] }",
    ["refuse model_repository_agents.agents[1]"]
  ],
  [
    "parameters { key: \"TRITON_BATCH_STRATEGY_PATH\" value { string_value: \"x\" } }",
    ["refuse parameters[\"TRITON_BATCH_STRATEGY_PATH\"]"]
  ],
  ["parameters { key: \"anything\" value { string_value: \"x\" } }", []],
  ["dynamic_batching { priority_levels: 2 default_queue_policy { max_queue_size: 1 } }", []],
  ["response_cache { enable: true }", []],
  ["response_cache { }", []],
  ["model_warmup { }", []],
  ["instance_group { rate_limiter { } }", []],
  ["instance_group { passive: true }", ["warn instance_group.passive"]],
  ["instance_group [ { passive: true }, { } ]", []],
  ["metric_tags { key: \"a\" value: \"b\" }", []],
  ["model_metrics { }", []],
  [
    "model_transaction_policy { decoupled: true } dynamic_batching { }",
    ["refuse model_transaction_policy.decoupled"]
  ]
]

describe("unimplemented", () => {
  for (const [text, expected] of cases) {
    it(`finds ${expected.length === 0 ? "nothing" : expected.join(", ")} in '${text}'`, () => {
      assert.deepStrictEqual(found(text), expected)
    })
  }

  it("tells a batching library outside of the model's directory from one inside", () => {
    const message = (path: string) =>
      unimplemented(
        parse(`name: "m" parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: "${path}" } }`),
        { modelDirectory: "/models/m" }
      )[0]!.message
    for (const path of ["x.so", "1/x.so", "/models/m/x.so"]) assert.include(message(path), "is not loaded")
    for (const path of ["/elsewhere/x.so", "../x.so", "/models/m2/x.so"]) {
      assert.strictEqual(message(path), "Batching library path escapes model repository.")
    }
  })

  it("names the model, or the tensor, in one sentence each", () => {
    for (const [text] of cases) {
      for (const { code, message } of unimplemented(parse(`name: "m" ${text}`))) {
        if (code === "INVALID_ARG") continue
        assert.match(message, /^model ('m'|(input|output) '') [^]+[^.]\.$/)
        assert.notMatch(message, /\. /)
      }
    }
  })

  it("concerns configs that are valid", () => {
    for (const text of ["sequence_batching { }", "model_transaction_policy { decoupled: true }", "model_warmup { }"]) {
      assert.isUndefined(fault(`${good} ${text}`))
    }
  })

  it("refuses other repository agents with Triton's text", () => {
    const [first] = unimplemented(parse("model_repository_agents { agents { name: \"relocate\" } }"), {
      agentDirectory: "/agents"
    })
    assert.deepStrictEqual(first, {
      field: "model_repository_agents.agents[0]",
      message: "unable to find 'libtritonrepoagent_relocate.so' for repo agent 'relocate', searched: /agents",
      severity: "refuse",
      code: "INVALID_ARG"
    })
  })

  it("says which tensor has a datatype that cannot be served", () => {
    assert.strictEqual(
      datatypeRefusal({ kind: "output", name: "y", type: "INT4" }),
      "model output 'y' has the data type INT4, which ONNX Runtime's JavaScript binding cannot carry: cast it inside the " +
        "model to one of BOOL, INT8-64, UINT8-64, FP16, FP32, FP64 or STRING."
    )
  })
})
