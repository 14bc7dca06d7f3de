import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ModelConfig } from "../../../src/schema/ModelConfig.ts"
import * as Config from "../../../src/schema/ModelConfig.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"

const path = "models/m/config.pbtxt"
const parse = (text: string | Uint8Array) => parseModelConfig(text, { path })
const accepted = (text: string | Uint8Array): ModelConfig => {
  const result = parse(text)
  if (Result.isFailure(result)) assert.fail(result.failure.pretty)
  return result.success.config
}
const refused = (text: string | Uint8Array) => {
  const result = parse(text)
  if (Result.isSuccess(result)) assert.fail(`accepted: ${String(text)}`)
  return result.failure
}

const equivalents: ReadonlyArray<readonly [what: string, draft: Config.Draft, ...texts: ReadonlyArray<string>]> = [
  ["an empty file", {}, "", " \t\r\n\v\f", "# only a comment", "#\n#"],
  ["a scalar", { max_batch_size: 8 }, "max_batch_size: 8", "max_batch_size:8", "max_batch_size :\n8"],
  [
    "one separator",
    { max_batch_size: 8, name: "m" },
    "max_batch_size: 8, name: \"m\";",
    "max_batch_size: 8; name: 'm',"
  ],
  ["comments", { max_batch_size: 8 }, "max_batch_size: # eight\n8 # \r not ended by a CR max_batch_size: 9"],
  ["line ends of Windows", { name: "m", max_batch_size: 1 }, "name: \"m\"\r\nmax_batch_size: 1\r\n"],
  [
    "messages in either delimiter, colon optional",
    { dynamic_batching: { max_queue_delay_microseconds: 5n } },
    "dynamic_batching { max_queue_delay_microseconds: 5 }",
    "dynamic_batching: { max_queue_delay_microseconds: 5; }",
    "dynamic_batching < max_queue_delay_microseconds: 5 >",
    "dynamic_batching: <max_queue_delay_microseconds: 5,>,"
  ],
  ["an empty message", { dynamic_batching: {} }, "dynamic_batching { }", "dynamic_batching: {}", "dynamic_batching <>"],
  [
    "a repeated scalar in every form",
    { input: [{ dims: [3, 224, -1] }] },
    "input { dims: [3, 224, -1] }",
    "input { dims: 3 dims: 224 dims: -1 }",
    "input { dims: [ 3, 224 ] dims: -1 }",
    "input { dims: [3], dims: [], dims:[224,-1]; }"
  ],
  [
    "repeated messages in every form",
    { input: [{ name: "a" }, { name: "b" }] },
    "input [ { name: \"a\" }, { name: \"b\" } ]",
    "input: [ { name: \"a\" }, < name: \"b\" > ]",
    "input { name: \"a\" } input { name: \"b\" }",
    "input [ { name: \"a\" } ] input: { name: \"b\" }"
  ],
  [
    "a map",
    { parameters: { x: { string_value: "1" } } },
    "parameters { key: \"x\" value { string_value: \"1\" } }",
    "parameters: { key: \"x\", value: { string_value: \"1\" } }",
    "parameters: [ { key: \"x\" value: { string_value: \"1\" } } ]",
    "parameters { value { string_value: \"1\" } key: \"x\" }",
    "parameters { key: \"x\" value { string_value: \"0\" } } parameters { key: \"x\" value { string_value: \"1\" } }"
  ],
  [
    "map entries with parts missing",
    { parameters: { "": {} }, metric_tags: { a: "" } },
    "parameters { } metric_tags { key: 'a' }"
  ],
  [
    "a map with integer keys",
    { dynamic_batching: { priority_queue_policy: { "18446744073709551615": { max_queue_size: 1 } } } },
    "dynamic_batching { priority_queue_policy { key: 0xFFFFFFFFFFFFFFFF value { max_queue_size: 1 } } }"
  ],
  [
    "version policies",
    { version_policy: { specific: { versions: [1, 3] } } },
    "version_policy: { specific { versions: [1,3] }}",
    "version_policy: { specific: { versions: 1 versions: 3 }}"
  ],
  ["all versions", { version_policy: { all: {} } }, "version_policy: { all { }}"],
  ["a policy without a choice", { version_policy: {} }, "version_policy { }"],
  [
    "groups",
    { instance_group: [{ kind: "KIND_CPU", gpus: [0, 1] }] },
    "instance_group [ { kind: KIND_CPU gpus: [ 0, 1 ] } ]"
  ],
  ["one gpu without a list", { instance_group: [{ gpus: [0] }] }, "instance_group { gpus: 0 }"],
  ["enums by number", { instance_group: [{ kind: "KIND_CPU" }] }, "instance_group{kind:2}", "instance_group{kind:0x2}"],
  ["unknown enum numbers", { instance_group: [{ kind: 77 }, { kind: -1 }] }, "instance_group [{kind:77},{kind:-1}]"],
  ["datatypes by number", { input: [{ data_type: "TYPE_FP32" }] }, "input { data_type: 11 }"],
  ["no space around punctuation", { input: [{ dims: [1], name: "x" }] }, "input{dims:[1]name:\"x\"}"],
  [
    "a oneof member at its default",
    { sequence_batching: { state: [{ initial_state: [{ zero_data: false }] }] } },
    "sequence_batching { state { initial_state: { zero_data: false } } }"
  ],
  [
    "integers for floats",
    { sequence_batching: { control_input: [{ control: [{ fp32_false_true: [0, 1] }] }] } },
    "sequence_batching { control_input { control { fp32_false_true: [ 0, 1 ] } } }",
    "sequence_batching { control_input { control { fp32_false_true: [ 0.0f, 1F ] } } }"
  ],
  ["a scalar at its default, then set", { max_batch_size: 8 }, "max_batch_size: 0 max_batch_size: 8"],
  [
    "a key called __proto__",
    { metric_tags: JSON.parse("{\"__proto__\":\"x\"}") as Record<string, string> },
    "metric_tags { key: \"__proto__\" value: \"x\" }"
  ]
]

const strings: ReadonlyArray<readonly [text: string, value: string]> = [
  ["\"abc\"", "abc"],
  ["'a\"b'", "a\"b"],
  ["\"a\" 'b'\n# between\n\"c\"", "abc"],
  ["\"\\n\\r\\t\\a\\b\\f\\v\\\\\\?\\'\\\"\"", "\n\r\t\u0007\b\f\v\\?'\""],
  ["\"\\0\\7\\101\\x41\\x4a\\xA\"", "\u0000\u0007AAJ\n"],
  ["\"\\u00e9\\U0001F600\\ud83d\\ude00\"", "é😀😀"],
  ["\"\\303\\251\"", "é"],
  ["\"\\303\" \"\\251\"", "é"],
  ["\"é\u00a0😀\"", "é\u00a0😀"],
  ["\"{\\\"a\\\":1}\"", "{\"a\":1}"],
  ["\"C:\\\\models\\\\x\"", "C:\\models\\x"],
  ["\"# no comment\"", "# no comment"],
  ["\"\ttab\"", "\ttab"]
]

const integers: ReadonlyArray<readonly [text: string, value: number]> = [
  ["8", 8],
  ["0x1F", 31],
  ["0X1f", 31],
  ["010", 8],
  ["-1", -1],
  ["- 1", -1],
  ["-\n1", -1],
  ["- # minus\n 1", -1],
  ["-0", 0],
  ["2147483647", 2147483647],
  ["-2147483648", -2147483648],
  ["-0x10", -16]
]

const doubles: ReadonlyArray<readonly [text: string, value: number]> = [
  ["0.5", 0.5],
  [".5", 0.5],
  ["1.", 1],
  ["1e-3", 0.001],
  ["1E+3", 1000],
  ["2", 2],
  ["0", 0],
  ["0.5f", 0.5],
  ["2F", 2],
  ["inf", Infinity],
  ["-Infinity", -Infinity],
  ["NaN", NaN],
  ["-nan", NaN],
  ["- 1.5", -1.5],
  ["1e999", Infinity],
  ["123456789012345678901234567890", 123456789012345678901234567890]
]

const refusals: ReadonlyArray<readonly [text: string, position: string, detail: string]> = [
  // The table of messages.
  ["max_batch_size: 8;;", "1:19", "Expected identifier, got: ;"],
  ["; max_batch_size: 8", "1:1", "Expected identifier, got: ;"],
  ["max_batch_size: 8\n}", "2:1", "Expected identifier, got: }"],
  ["input { dims: [1,2,] }", "1:20", "Expected integer, got: ]"],
  ["input [ {}, ]", "1:13", "Expected \"{\", found \"]\"."],
  ["input [ {} {} ]", "1:12", "Expected \",\", found \"{\"."],
  ["input { dims [1] }", "1:14", "Expected \":\", found \"[\"."],
  ["response_cache { enable: yes }", "1:26", "Invalid value for boolean field \"enable\". Value: \"yes\"."],
  ["instance_group { kind: KIND_TPU }", "1:24", "Unknown enumeration value of \"KIND_TPU\" for field \"kind\"."],
  ["instance_group { kind: \"KIND_CPU\" }", "1:24", "Expected integer or identifier, got: \"KIND_CPU\""],
  ["name: abc", "1:7", "Expected string, got: abc"],
  [
    "max_batch_size: 8 max_batch_size: 8",
    "1:19",
    "Non-repeated field \"max_batch_size\" is specified multiple times."
  ],
  [
    "dynamic_batching {}\nsequence_batching {}",
    "2:1",
    "Field \"sequence_batching\" is specified along with field \"dynamic_batching\", another member of oneof \"scheduling_choice\"."
  ],
  ["tagz { }", "1:1", "Message type \"inference.ModelConfig\" has no field named \"tagz\"."],
  ["max_batch_size: 3000000000", "1:17", "Integer out of range (3000000000)"],
  ["name: \"a\nb\"", "1:7", "Multiline strings are not allowed. Did you miss a \"?."],
  ["name: \"a\\q\"", "1:9", "Invalid escape sequence in string literal."],
  ["max_batch_size: 8abc", "1:17", "Need space between number and identifier."],
  // The grammar.
  ["max_batch_size 8", "1:16", "Expected \":\", found \"8\"."],
  [
    "dynamic_batching {} dynamic_batching {}",
    "1:21",
    "Non-repeated field \"dynamic_batching\" is specified multiple times."
  ],
  ["input { dims: [[1]] }", "1:16", "Expected integer, got: ["],
  ["input { dims: [1;2] }", "1:17", "Expected \",\", found \";\"."],
  ["max_batch_size: [8]", "1:17", "Expected integer, got: ["],
  ["dynamic_batching { >", "1:20", "Expected \"}\", found \">\"."],
  ["dynamic_batching < }", "1:20", "Expected \">\", found \"}\"."],
  ["dynamic_batching {", "1:18", "Expected identifier, got: end of file (\"{\" is not closed)"],
  ["parameters { \"a\": \"b\" }", "1:14", "Expected identifier, got: \"a\""],
  [
    "parameters { key: \"a\" key: \"b\" }",
    "1:23",
    "Non-repeated field \"key\" is specified multiple times."
  ],
  [
    "parameters { name: \"a\" }",
    "1:14",
    "Message type \"inference.ModelConfig.ParametersEntry\" has no field named \"name\"."
  ],
  ["{ name: \"m\" }", "1:1", "Expected identifier, got: {"],
  ["maxBatchSize: 8", "1:1", "Message type \"inference.ModelConfig\" has no field named \"maxBatchSize\"."],
  ["4: 8", "1:1", "Expected identifier, got: 4"],
  [
    "[ext.name]: 1",
    "1:1",
    "Extension \"ext.name\" is not defined or is not an extension of \"inference.ModelConfig\"."
  ],
  ["// comment", "1:1", "Expected identifier, got: /"],
  ["name: \"m\" name: \"n\"", "1:11", "Non-repeated field \"name\" is specified multiple times."],
  ["name: \"m\",,", "1:11", "Expected identifier, got: ,"],
  ["name:", "1:6", "Expected string, got: end of file"],
  ["name: \"m", "1:7", "Unexpected end of string."],
  ["dynamic_batching: 5", "1:19", "Expected \"{\", found \"5\"."],
  [
    "version_policy { all {} latest {} }",
    "1:25",
    "Field \"latest\" is specified along with field \"all\", another member of oneof \"policy_choice\"."
  ],
  // Scalars.
  ["max_batch_size: 8.0", "1:17", "Expected integer, got: 8.0"],
  ["max_batch_size: 1e3", "1:17", "Expected integer, got: 1e3"],
  ["max_batch_size: +1", "1:17", "Expected integer, got: +"],
  ["max_batch_size: 1_000", "1:17", "Need space between number and identifier."],
  ["max_batch_size: 09", "1:17", "Numbers starting with leading zero must be in octal."],
  ["max_batch_size: 0x", "1:17", "\"0x\" must be followed by hex digits."],
  ["max_batch_size: \"8\"", "1:17", "Expected integer, got: \"8\""],
  ["max_batch_size: -2147483649", "1:17", "Integer out of range (2147483649)"],
  ["max_batch_size:8name:\"x\"", "1:16", "Need space between number and identifier."],
  ["optimization { gather_kernel_buffer_threshold: -1 }", "1:48", "Expected integer, got: -"],
  ["optimization { gather_kernel_buffer_threshold: 4294967296 }", "1:48", "Integer out of range (4294967296)"],
  [
    "dynamic_batching { max_queue_delay_microseconds: 18446744073709551616 }",
    "1:50",
    "Integer out of range (18446744073709551616)"
  ],
  ["input { dims: 9007199254740993 }", "1:15", "Integer out of range (9007199254740993)"],
  ["response_cache { enable: TRUE }", "1:26", "Invalid value for boolean field \"enable\". Value: \"TRUE\"."],
  ["response_cache { enable: T }", "1:26", "Invalid value for boolean field \"enable\". Value: \"T\"."],
  ["response_cache { enable: on }", "1:26", "Invalid value for boolean field \"enable\". Value: \"on\"."],
  ["response_cache { enable: 2 }", "1:26", "Integer out of range (2)"],
  ["response_cache { enable: \"true\" }", "1:26", "Expected identifier, got: \"true\""],
  ["instance_group { kind: kind_cpu }", "1:24", "Unknown enumeration value of \"kind_cpu\" for field \"kind\"."],
  ["name: \"\\xg\"", "1:8", "Expected hex digits for escape sequence."],
  ["name: \"\\u12\"", "1:8", "Expected four hex digits for \\u escape sequence."],
  ["name: \"\\U00110000\"", "1:8", "Expected eight hex digits up to 10ffff for \\U escape sequence"],
  ["name: \"\\ud83d\"", "1:8", "Invalid escape sequence in string literal."],
  ["name: \"\\377\"", "1:7", "String field \"name\" contains invalid UTF-8 data."],
  ["name: \"\\777\"", "1:8", "Invalid escape sequence in string literal."],
  // Bytes of the file.
  ["\ufeffname: \"m\"", "1:1", "The file begins with a byte order mark; save it as UTF-8 without one."],
  ["name:\u00a0\"m\"", "1:6", "Character U+00A0 is allowed in strings and comments only."],
  ["name: \u0000\"m\"", "1:7", "Invalid control characters encountered in text."],
  ["name: \"\u0000\"", "1:8", "Invalid control characters encountered in text."],
  ["# \u0000", "1:3", "Invalid control characters encountered in text."],
  ["name: \u0001\"m\"", "1:7", "Invalid control characters encountered in text."],
  ["# é\nname: \"é\", max_batch_size: x", "2:28", "Expected integer, got: x"]
]

describe("text format", () => {
  for (const [what, draft, ...texts] of equivalents) {
    it(`accepts ${what}`, () => {
      for (const text of texts) assert.deepStrictEqual(accepted(text), Config.make(draft), text)
    })
  }

  it("reads string literals", () => {
    for (const [text, value] of strings) assert.strictEqual(accepted(`name: ${text}`).name, value, text)
  })

  it("reads integers", () => {
    for (const [text, value] of integers) {
      assert.strictEqual(accepted(`max_batch_size: ${text}`).max_batch_size, value, text)
    }
  })

  it("reads 64-bit integers exactly", () => {
    const { dynamic_batching: batching } = accepted(
      "dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 priority_levels: 9007199254740993 }"
    )
    assert.strictEqual(batching?.max_queue_delay_microseconds, 18446744073709551615n)
    assert.strictEqual(batching?.priority_levels, 9007199254740993n)
  })

  it("reads floating-point numbers", () => {
    for (const [text, value] of doubles) {
      const config = accepted(`model_metrics { metric_control { histogram_options { buckets: ${text} } } }`)
      assert.deepStrictEqual(config.model_metrics?.metric_control[0]?.histogram_options?.buckets, [value], text)
    }
  })

  it("refuses other forms of floating-point numbers", () => {
    const cases = [
      ["010", "Expect a decimal number, got: 010"],
      ["0x1", "Expect a decimal number, got: 0x1"],
      ["\"1\"", "Expected double, got: \"1\""],
      ["fast", "Expected double, got: fast"],
      ["1.5.2", "Already saw decimal point or exponent; can't have another one."],
      ["0x1.5", "Hex and octal numbers must be integers."],
      ["1e", "\"e\" must be followed by exponent."]
    ]
    for (const [text, detail] of cases) {
      const error = refused(`sequence_batching { direct { minimum_slot_utilization: ${text} } }`)
      assert.strictEqual(error.detail, detail)
    }
  })

  it("rounds a float to 32 bits", () => {
    const config = accepted("sequence_batching { direct { minimum_slot_utilization: 0.1 } }")
    assert.strictEqual(config.sequence_batching?.direct?.minimum_slot_utilization, Math.fround(0.1))
  })

  it("reads booleans", () => {
    for (const text of ["true", "True", "t", "1", "01", "0x1"]) {
      assert.isTrue(accepted(`response_cache { enable: ${text} }`).response_cache?.enable, text)
    }
    for (const text of ["false", "False", "f", "0", "00", "0x0"]) {
      assert.isFalse(accepted(`response_cache { enable: ${text} }`).response_cache?.enable, text)
    }
  })

  for (const [text, position, detail] of refusals) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const error = refused(text)
      assert.strictEqual(`${error.line}:${error.column}: ${error.detail}`, `${position}: ${detail}`)
    })
  }

  it("accepts bytes that are no UTF-8 in comments only", () => {
    const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
    assert.strictEqual(accepted(bytes("# \u00a9 2019\nname: \"m\"")).name, "m")
    assert.strictEqual(
      refused(bytes("name: \"\u00e9\"")).message,
      `failed to read text proto from ${path}: 1:7: String field "name" contains invalid UTF-8 data.`
    )
  })

  it("takes the old name tags for metric_tags and warns", () => {
    const result = Result.getOrThrow(parse("name: \"m\"\n tags { key: \"a\" } tags { key: \"a\" value: \"b\" }"))
    assert.deepStrictEqual(result.config, Config.make({ name: "m", metric_tags: { a: "b" } }))
    assert.deepStrictEqual(result.warnings, [
      `${path}:2:2: field "tags" is an old name of "metric_tags"; write "metric_tags"`
    ])
  })
})

describe("ConfigSyntaxError", () => {
  it("says path, position and the name probably meant in one line", () => {
    const cases = [
      ["max_batchsize: 8", "max_batch_size"],
      ["maxBatchSize: 8", "max_batch_size"],
      ["inptu { }", "input"],
      ["instance_groups { }", "instance_group"],
      ["instance_group { kind: KIND_CPUS }", "KIND_CPU"],
      ["instance_group { kind: cpu_kind }", undefined],
      ["instance_group { kind: \"KIND_GPU\" }", "KIND_GPU"],
      ["input { data_type: FP32 }", "TYPE_FP32"],
      ["input { datatype: TYPE_FP32 }", "data_type"],
      ["response_cache { enable: TRUE }", "true"],
      ["response_cache { enable: off }", "false"],
      ["zebra: 1", undefined]
    ] as const
    for (const [text, suggestion] of cases) assert.strictEqual(refused(text).suggestion, suggestion, text)
    assert.strictEqual(
      refused("name: \"m\"\nmax_batchsize: 8\n").message,
      `failed to read text proto from ${path}: 2:1: Message type "inference.ModelConfig" has no field named ` +
        "\"max_batchsize\". (did you mean \"max_batch_size\"?)"
    )
  })

  it("shows the offending line with carets under the token", () => {
    assert.deepStrictEqual(refused("name: \"m\"\r\n\tmax_batchsize: 8\r\n").pretty.split("\n").slice(1), [
      "",
      " 2 | \tmax_batchsize: 8",
      "   | \t^^^^^^^^^^^^^"
    ])
  })

  it("shows a long line around the token, without control characters", () => {
    const error = refused(`name: "${"é".repeat(500)}\u001b[31m" platfrom: "x" backend: "${"b".repeat(500)}"`)
    const [, , line = "", carets = ""] = error.pretty.split("\n")
    assert.isBelow(line.length, 140)
    assert.notInclude(line, "\u001b")
    assert.strictEqual(line.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1), "platfrom")
  })
})
