import { assert, describe, it } from "@effect/vitest"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import { components } from "../../../src/schema/openapi/Components.ts"
import type { JsonSchema, JsonValue } from "../../../src/schema/openapi/JsonSchema.ts"
import * as OpenApiDocument from "../../../src/schema/openapi/OpenApiDocument.ts"
import { operations } from "../../../src/schema/openapi/Operations.ts"

const server = { name: "galatea", version: "1.2.3", extensions: [] }

const signature = ModelSignature.make(ModelConfig.make({
  name: "m",
  backend: "onnxruntime",
  max_batch_size: 8,
  input: [
    { name: "A", data_type: "TYPE_INT32", dims: [16] },
    { name: "B", data_type: "TYPE_FP16", dims: [-1, 3], optional: true },
    { name: "C", data_type: "TYPE_UINT64", dims: [1] }
  ],
  output: [{ name: "Y", data_type: "TYPE_STRING", dims: [-1] }]
}))

const at = (value: JsonValue, ...path: ReadonlyArray<string | number>): JsonValue => {
  let here = value
  for (const step of path) here = (here as Record<string, JsonValue>)[step]!
  return here
}

const inferSchema = (document: JsonValue, path: string): JsonValue =>
  at(document, "paths", path, "post", "requestBody", "content", "application/json", "schema")

describe("OpenApiDocument", () => {
  it("describes the tensors of a model", () => {
    const schema = inferSchema(
      OpenApiDocument.make(server, [{ name: "m", signature }], 0),
      "/v2/models/m/infer"
    )
    const inputs = at(schema, "properties", "inputs") as JsonSchema
    assert.deepStrictEqual([inputs["minItems"], inputs["maxItems"]], [2, 3])
    assert.strictEqual((inputs["allOf"] as ReadonlyArray<JsonValue>).length, 2)
    const [a, b, c] = at(inputs, "items", "anyOf") as ReadonlyArray<JsonSchema>
    assert.deepStrictEqual(at(a!, "properties", "shape", "prefixItems"), [
      { type: "integer", minimum: 1, maximum: 8 },
      { type: "integer", const: 16 }
    ])
    assert.deepStrictEqual(at(a!, "properties", "data", "anyOf", 0, "items"), {
      type: "integer",
      minimum: -2147483648,
      maximum: 2147483647
    })
    assert.include(a!["required"] as Array<string>, "data")
    // Half precision travels in binary alone.
    assert.notProperty(at(b!, "properties"), "data")
    assert.include(b!["required"] as Array<string>, "parameters")
    assert.deepStrictEqual(at(c!, "properties", "data", "anyOf", 0, "items"), {
      type: "integer",
      format: "uint64",
      minimum: 0
    })
    assert.deepStrictEqual(at(schema, "properties", "outputs", "items", "properties", "name", "enum"), ["Y"])
  })

  it("writes names of models as one segment of a path", () => {
    const document = OpenApiDocument.make(server, [{ name: "a b/ü", signature }], 0)
    assert.isDefined(inferSchema(document, "/v2/models/a%20b%2F%C3%BC/infer"))
  })

  it("says how many models it leaves out, and how to ask for them", () => {
    const told = (more: number) => String(at(OpenApiDocument.make(server, [], more), "info", "description"))
    assert.match(told(3), /3 more models .* \?model=NAME/)
    assert.notInclude(told(0), "more")
  })

  it("refers to schemas that are there, and gives each operation a name of its own", () => {
    const document = OpenApiDocument.make(server, [{ name: "m", signature }], 0)
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)]
    assert.isNotEmpty(references)
    for (const [, name] of references) assert.property(components, name!)
    const used = new Set(references.map(([, name]) => name))
    for (const name of Object.keys(components)) assert.isTrue(used.has(name), `${name} is used by no operation`)
    const ids = [...JSON.stringify(document).matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.isAbove(ids.length, operations.length)
  })
})
