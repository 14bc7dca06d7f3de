import { assert, describe, it } from "@effect/vitest"
import * as Config from "../../../src/schema/ModelConfig.ts"
import type { MessageType } from "../../../src/schema/proto/Descriptor.ts"
import { camelCase, entryType } from "../../../src/schema/proto/Descriptor.ts"
import { ModelConfigMessage } from "../../../src/schema/proto/ModelConfigFields.ts"

const messages = (root: MessageType): ReadonlyArray<MessageType> => {
  const found = new Set<MessageType>([root])
  for (const type of found) {
    for (const field of type.fields) if (field.kind === "message") found.add(field.type as MessageType)
  }
  return [...found]
}

describe("ModelConfigMessage", () => {
  it("numbers the fields of each message uniquely, and names each message once", () => {
    const all = messages(ModelConfigMessage)
    assert.strictEqual(all.length, 46)
    assert.strictEqual(new Set(all.map((type) => type.fullName)).size, all.length)
    for (const type of all) {
      assert.strictEqual(new Set(type.fields.map((field) => field.number)).size, type.fields.length, type.fullName)
      assert.strictEqual(type.byName.size, type.fields.length, type.fullName)
    }
  })

  it("has the wire numbers of model_config.proto", () => {
    const numbers = Object.fromEntries(ModelConfigMessage.fields.map((field) => [field.name, field.number]))
    assert.deepStrictEqual(numbers, {
      name: 1,
      platform: 2,
      backend: 17,
      runtime: 25,
      version_policy: 3,
      max_batch_size: 4,
      input: 5,
      output: 6,
      batch_input: 20,
      batch_output: 21,
      optimization: 12,
      dynamic_batching: 11,
      sequence_batching: 13,
      ensemble_scheduling: 15,
      instance_group: 7,
      default_model_filename: 8,
      cc_model_filenames: 9,
      metric_tags: 10,
      parameters: 14,
      model_warmup: 16,
      model_operations: 18,
      model_transaction_policy: 19,
      model_repository_agents: 23,
      response_cache: 24,
      model_metrics: 26
    })
  })

  it("describes map entries as messages", () => {
    const entry = entryType(ModelConfigMessage, ModelConfigMessage.byName.get("cc_model_filenames")!)
    assert.strictEqual(entry.fullName, "inference.ModelConfig.CcModelFilenamesEntry")
    assert.deepStrictEqual(entry.fields.map(({ kind, name, number }) => [name, number, kind]), [
      ["key", 1, "string"],
      ["value", 2, "string"]
    ])
  })

  it("spells names in JSON's way", () => {
    assert.strictEqual(camelCase("int32_false_true"), "int32FalseTrue")
    assert.strictEqual(camelCase("max_batch_size"), "maxBatchSize")
  })
})

describe("ModelConfig.make", () => {
  it("fills defaults at every depth", () => {
    const config = Config.make({ input: [{ name: "x", reshape: {} }], version_policy: { latest: {} } })
    assert.deepStrictEqual(config.input, [{
      name: "x",
      data_type: "TYPE_INVALID",
      format: "FORMAT_NONE",
      dims: [],
      reshape: { shape: [] },
      is_shape_tensor: false,
      allow_ragged_batch: false,
      optional: false,
      is_non_linear_format_io: false
    }])
    assert.deepStrictEqual(config.version_policy, { latest: { num_versions: 0 }, all: undefined, specific: undefined })
    assert.isUndefined(config.dynamic_batching)
    assert.deepStrictEqual(Config.make({}), Config.empty)
  })
})
