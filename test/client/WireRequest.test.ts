import { assert, describe, it } from "@effect/vitest"
import type { InferOptions } from "../../src/client/InferenceClient.ts"
import { infer } from "../../src/client/internal/http/InferOperation.ts"
import * as WireRequest from "../../src/client/internal/WireRequest.ts"

const description = {
  inputs: {
    INPUT0: { datatype: "FP32", shape: [-1, 2] },
    MASK: { datatype: "BOOL", shape: [-1], optional: true }
  },
  outputs: { OUTPUT0: { datatype: "FP32", shape: [-1, 2] } }
} as const

const make = (inputs: Record<string, unknown>, options: InferOptions = {}, known = true) =>
  WireRequest.make("m", inputs, options, known ? description : undefined)

const refusal = (inputs: Record<string, unknown>, options: InferOptions = {}, known = true): string => {
  try {
    make(inputs, options, known)
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail("it was taken")
}

const good = { INPUT0: { shape: [1, 2], data: [1, 2] } }

describe("a request to a model that is known", () => {
  it("takes the datatype from the description, and leaves optional inputs out", () => {
    const { inputs } = make(good)
    assert.deepStrictEqual(inputs.map(({ datatype, name }) => [name, datatype]), [["INPUT0", "FP32"]])
    assert.deepStrictEqual([...new Float32Array(inputs[0]!.data.buffer)], [1, 2])
    assert.strictEqual(make({ ...good, MASK: [true] }).inputs.length, 2)
    assert.strictEqual(make({ ...good, MASK: undefined }).inputs.length, 1)
  })

  it("is refused where it does not fit", () => {
    assert.strictEqual(refusal({}), "model 'm' needs 'INPUT0' too")
    assert.strictEqual(refusal({ ...good, INPUT1: [1] }), "model 'm' has no input 'INPUT1'; did you mean 'INPUT0'?")
    assert.strictEqual(
      refusal({ ...good, other: [1] }),
      "model 'm' has no input 'other'; it has 'INPUT0', 'MASK'"
    )
    assert.strictEqual(
      refusal({ INPUT0: { shape: [1, 3], data: [1, 2, 3] } }),
      "input 'INPUT0' of model 'm' has the shape [-1,2] (-1: any), and was given as [1,3]"
    )
    assert.strictEqual(
      refusal({ INPUT0: { datatype: "FP64", shape: [1, 2], data: [1, 2] } }),
      "input 'INPUT0' of model 'm' is FP32, and was given as FP64"
    )
    assert.strictEqual(
      refusal(good, { outputs: ["OUTPUT"] }),
      "model 'm' has no output 'OUTPUT'; did you mean 'OUTPUT0'?"
    )
  })
})

describe("a request", () => {
  it("is refused where it is wrong in itself", () => {
    const of = (input: unknown) => refusal({ A: input }, {}, false)
    assert.strictEqual(
      of(5),
      "input 'A' of model 'm' is of type number; give a typed array, an array, or { data, shape }"
    )
    assert.include(of([1, 2]), "has plain numbers without a datatype")
    assert.include(of({ datatype: "FLOAT", shape: [1], data: [1] }), "has the datatype \"FLOAT\"; datatypes are BOOL, ")
    assert.include(
      of({ shape: [1, -1], data: new Int8Array(1) }),
      "has the shape [1,-1]; a shape is a list of whole numbers"
    )
    assert.include(of({ shape: [], data: new Int8Array(1) }), "has the shape []")
    assert.include(
      of({ shape: [2], data: new Float32Array(8) }),
      "has 8 elements, and its shape [2] needs 2: give a typed array of the elements"
    )
    assert.include(refusal({}, { priority: -1 }, false), "priority is -1")
    assert.include(refusal({}, { version: "1a" }, false), "version \"1a\" is no whole number")
    assert.include(refusal({}, { outputs: [] }, false), "leave it out to get all")
    assert.include(refusal({}, { parameters: { a: NaN } }, false), "parameter 'a' is NaN")
  })
})

describe("a request over HTTP", () => {
  const text = (options: InferOptions, binary = true) => {
    const { body, headers, path, repeatable } = infer(
      make({ A: { shape: [2], data: new Int16Array([1, 258]) }, S: ["ä"] }, options, false),
      binary
    )
    const length = Number(headers["Inference-Header-Content-Length"] ?? body!.byteLength)
    return {
      json: new TextDecoder().decode(body!.subarray(0, length)),
      rest: [...body!.subarray(length)],
      path,
      repeatable
    }
  }

  it("is JSON, and the bytes of the tensors behind it", () => {
    assert.deepStrictEqual(text({}), {
      json: "{\"parameters\":{\"binary_data_output\":true},\"inputs\":[" +
        "{\"name\":\"A\",\"shape\":[2],\"datatype\":\"INT16\",\"parameters\":{\"binary_data_size\":4}}," +
        "{\"name\":\"S\",\"shape\":[1],\"datatype\":\"BYTES\",\"parameters\":{\"binary_data_size\":6}}]}",
      rest: [1, 0, 2, 1, 2, 0, 0, 0, 0xc3, 0xa4],
      path: "/v2/models/m/infer",
      repeatable: true
    })
  })

  it("carries all that was asked for", () => {
    const { json, path, repeatable } = text({
      id: "\"1\"",
      version: 2,
      priority: 1,
      queueTimeoutMicros: 500,
      parameters: { big: 18446744073709551615n, half: 0.5, flag: true, word: "x" },
      sequence: { id: 7, start: true },
      outputs: ["O", { name: "P", classification: 3 }]
    })
    assert.deepStrictEqual([path, repeatable], ["/v2/models/m/versions/2/infer", false])
    assert.strictEqual(
      json.replace(/"inputs":\[.*?\}\}\],/, ""),
      "{\"id\":\"\\\"1\\\"\",\"parameters\":{\"big\":18446744073709551615,\"half\":0.5,\"flag\":true,\"word\":\"x\"," +
        "\"priority\":1,\"timeout\":500,\"sequence_id\":7,\"sequence_start\":true,\"sequence_end\":false}," +
        "\"outputs\":[{\"name\":\"O\",\"parameters\":{\"binary_data\":true}}," +
        "{\"name\":\"P\",\"parameters\":{\"binary_data\":true,\"classification\":3}}]}"
    )
  })

  it("is JSON alone where that is wanted", () => {
    const { json, rest } = text({ outputs: ["O"] }, false)
    assert.deepStrictEqual(rest, [])
    assert.strictEqual(
      json,
      "{\"inputs\":[{\"name\":\"A\",\"shape\":[2],\"datatype\":\"INT16\",\"data\":[1,258]}," +
        "{\"name\":\"S\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"ä\"]}]," +
        "\"outputs\":[{\"name\":\"O\",\"parameters\":{\"binary_data\":false}}]}"
    )
  })
})
