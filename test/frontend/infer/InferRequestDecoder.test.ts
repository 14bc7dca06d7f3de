import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { codes } from "../../../src/schema/Errors.ts"

const options = { modelName: "m", maxInputSize: 1 << 20 }

const textOf = (json: unknown): string => typeof json === "string" ? json : JSON.stringify(json)

const accept = (json: unknown, tail?: Uint8Array) => {
  const head = Buffer.from(textOf(json))
  const body = tail === undefined ? head : Buffer.concat([head, tail])
  return Result.getOrThrow(decode(body, tail === undefined ? undefined : head.length, options))
}

/** Status and text of a refusal. */
const refuse = (json: unknown, tail?: Uint8Array, maxInputSize = options.maxInputSize): readonly [number, string] => {
  const head = Buffer.from(textOf(json))
  const body = tail === undefined ? head : Buffer.concat([head, tail])
  const result = decode(body, tail === undefined ? undefined : head.length, { ...options, maxInputSize })
  return Result.isFailure(result)
    ? [codes[result.failure.code].http, result.failure.message]
    : assert.fail(`accepted ${textOf(json)}`)
}

const good = { name: "A", shape: [2], datatype: "INT32", data: [1, 2] }
const binary = { name: "A", shape: [2], datatype: "INT32", parameters: { binary_data_size: 8 } }

/** `inputs` with one input, changed. */
const input = (changes: object, base: object = good) => ({ inputs: [{ ...base, ...changes }] })
const outputs = (...list: ReadonlyArray<unknown>) => ({ inputs: [good], outputs: list })

const source = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', " +
  "'shared_memory_region' in 'parameters'. But "

describe("InferRequestDecoder", () => {
  it("reads the worked example of the protocol", () => {
    const head = "{\"id\":\"r1\",\"inputs\":[{\"name\":\"A\",\"shape\":[1,3],\"datatype\":\"INT32\",\"parameters\":" +
      "{\"binary_data_size\":12}},{\"name\":\"S\",\"shape\":[2],\"datatype\":\"BYTES\",\"parameters\":{\"binary_data_size\":10}}]," +
      "\"outputs\":[{\"name\":\"Y\",\"parameters\":{\"binary_data\":true}}]}"
    assert.strictEqual(head.length, 245)
    const tail = Buffer.from("01000000feffffff2c01000002000000616200000000", "hex")
    const { outputEncoding, request } = accept(head, tail)
    assert.strictEqual(request.id, "r1")
    assert.deepStrictEqual(
      request.inputs.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString("hex") })),
      [
        { name: "A", datatype: "INT32", shape: [1, 3], data: "01000000feffffff2c010000" },
        { name: "S", datatype: "BYTES", shape: [2], data: "02000000616200000000" }
      ]
    )
    assert.deepStrictEqual(request.outputs, [{ name: "Y", classification: 0 }])
    assert.strictEqual(outputEncoding.of("Y"), "binary")
  })

  it("gives binary tensors as views of the body, over shared memory too", () => {
    const head = Buffer.from(JSON.stringify({ inputs: [binary] }))
    const body = new Uint8Array(new SharedArrayBuffer(head.length + 8))
    body.set(head)
    body[head.length] = 5
    const { request } = Result.getOrThrow(decode(body, head.length, options))
    const [tensor] = request.inputs
    assert.strictEqual(tensor?.data.buffer, body.buffer)
    assert.strictEqual(tensor?.data.byteOffset, head.length)
    assert.strictEqual(tensor?.data.byteLength, 8)
  })

  it("reads JSON tensors with the members in any order", () => {
    const members = [
      "\"name\":\"A\"",
      "\"shape\":[1,2]",
      "\"datatype\":\"INT16\"",
      "\"data\":[[1,-2]]",
      "\"other\":{\"data\":[1]}"
    ]
    fc.assert(fc.property(fc.shuffledSubarray(members, { minLength: 5 }), (shuffled) => {
      const [tensor] = accept(`{"inputs":[{${shuffled.join()}}]}`).request.inputs
      assert.deepStrictEqual({ ...tensor, data: Array.from(tensor!.data) }, {
        name: "A",
        datatype: "INT16",
        shape: [1, 2],
        data: [1, 0, 254, 255]
      })
    }))
  })

  it("mixes JSON and binary tensors, taking bytes in the order of the inputs", () => {
    const { request } = accept(
      {
        inputs: [binary, { ...good, name: "B" }, {
          ...binary,
          name: "C",
          shape: [1],
          parameters: { binary_data_size: 4 }
        }]
      },
      Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
    )
    assert.deepStrictEqual(
      request.inputs.map((tensor) => [tensor.name, ...new Int32Array(tensor.data.slice().buffer)]),
      [
        ["A", 1, 2],
        ["B", 1, 2],
        ["C", 3]
      ]
    )
  })

  it("reads parameters", () => {
    const { request } = accept({
      id: "7",
      inputs: [good],
      parameters: {
        sequence_id: 5,
        sequence_start: true,
        sequence_end: false,
        priority: 3,
        timeout: 250,
        text: "t",
        flag: true,
        half: 0.5,
        whole: -3
      }
    })
    assert.deepStrictEqual(request.sequence, { id: 5n, start: true, end: false })
    assert.strictEqual(request.priority, 3)
    assert.strictEqual(request.timeoutMicros, 250)
    assert.deepStrictEqual([...request.parameters], [["text", "t"], ["flag", true], ["half", 0.5], ["whole", -3]])
    const sequenceOf = (id: string) => accept(`{"inputs":[],"parameters":{"sequence_id":${id}}}`).request.sequence?.id
    assert.strictEqual(sequenceOf("18446744073709551615"), 18446744073709551615n)
    assert.strictEqual(sequenceOf("\"s\""), "s")
    assert.isUndefined(sequenceOf("0"))
    assert.isUndefined(sequenceOf("\"\""))
    const big = accept(
      "{\"inputs\":[],\"parameters\":{\"a\":9223372036854775807,\"b\":9223372036854775808,\"a\":1,\"timeout\":1,\"timeout\":\"x\"}}"
    )
    assert.deepStrictEqual([...big.request.parameters], [["a", 9223372036854775807n], ["b", 9223372036854775808]])
  })

  it("chooses the encoding of each output", () => {
    const listed = accept({
      ...outputs({ name: "Y" }, { name: "Z", parameters: { binary_data: true, classification: 3 } }, {
        name: "N",
        parameters: { binary_data: false }
      }),
      parameters: { binary_data_output: true }
    })
    assert.deepStrictEqual(["Y", "Z", "N"].map((name) => listed.outputEncoding.of(name)), ["json", "binary", "json"])
    assert.deepStrictEqual(listed.request.outputs.map((output) => output.classification), [0, 3, 0])
    assert.strictEqual(
      accept({ inputs: [good], parameters: { binary_data_output: true } }).outputEncoding.of("Y"),
      "binary"
    )
    assert.strictEqual(accept({ inputs: [good], outputs: [] }).outputEncoding.of("Y"), "json")
  })

  it("takes a tensor without elements as it is, whatever its data", () => {
    for (const shape of [[0, 3], [], [9007199254740991, 9007199254740991, 0]]) {
      const [tensor] = accept(input({ shape, data: "not looked at" })).request.inputs
      assert.strictEqual(tensor?.data.length, 0)
      assert.deepStrictEqual(tensor?.shape, shape)
    }
  })

  const cases: ReadonlyArray<readonly [string, unknown, number, string]> = [
    ["no JSON", "{", 500, "failed to parse the request JSON buffer: Missing a name for object member. at 1"],
    ["empty", " ", 500, "failed to parse the request JSON buffer: The document is empty. at 1"],
    [
      "junk behind",
      "{}1",
      500,
      "failed to parse the request JSON buffer: The document root must not be followed by other values. at 2"
    ],
    ["id", { id: 5 }, 500, "Unable to parse 'id': attempt to access JSON non-string as string"],
    ["id null", { id: null }, 500, "Unable to parse 'id': attempt to access JSON non-string as string"],
    ["id object", { id: {} }, 500, "Unable to parse 'id': attempt to access JSON non-string as string"],
    ["parameters", { parameters: 1 }, 500, "failed to get request params.: attempt to get members for non-object"],
    ["inputs missing", {}, 500, "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
    ["root array", "[]", 500, "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
    ["inputs object", { inputs: {} }, 500, "Unable to parse 'inputs': attempt to access JSON non-array as array"],
    ["no source", { inputs: [{}] }, 400, `${source}no field is set`],
    ["input number", { inputs: [5] }, 400, `${source}no field is set`],
    ["parameters of input no object", input({ data: undefined, parameters: 5 }), 400, `${source}no field is set`],
    ["two sources", input({ parameters: { binary_data_size: 8 } }), 400, `${source}set 'data' 'binary_data_size'`],
    [
      "three sources",
      input({ parameters: { binary_data_size: 8, shared_memory_region: "r" } }),
      400,
      `${source}set 'data' 'binary_data_size' 'shared_memory_region'`
    ],
    [
      "name missing",
      input({ name: undefined }),
      500,
      "Unable to parse 'name': attempt to access non-existing object member 'name'"
    ],
    ["name", input({ name: 5 }), 500, "Unable to parse 'name': attempt to access JSON non-string as string"],
    [
      "datatype",
      input({ datatype: [] }),
      500,
      "Unable to parse 'datatype': attempt to access JSON non-string as string"
    ],
    [
      "shape missing",
      input({ shape: undefined }),
      500,
      "Unable to parse 'shape': attempt to access non-existing object member 'shape'"
    ],
    ["shape", input({ shape: 2 }), 500, "Unable to parse 'shape': attempt to access JSON non-array as array"],
    [
      "shape negative",
      input({ shape: [1, -1] }),
      500,
      "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    [
      "shape 2.0",
      "{\"inputs\":[{\"name\":\"A\",\"shape\":[2.0],\"datatype\":\"INT32\",\"data\":[1,2]}]}",
      500,
      "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    ["twice", { id: "x", inputs: [good, good] }, 400, "[request id: x] input 'A' already exists in request"],
    [
      "twice, without id",
      { inputs: [good, good] },
      400,
      "[request id: <id_unknown>] input 'A' already exists in request"
    ],
    [
      "binary size",
      input({ parameters: { binary_data_size: -8 } }, { ...binary }),
      500,
      "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    [
      "no binary section",
      { inputs: [binary] },
      400,
      "unexpected size for input 'A', expecting 8 additional bytes for model 'm'"
    ],
    [
      "region",
      input({ parameters: { shared_memory_region: "r", shared_memory_byte_size: 8 } }, { ...good, data: undefined }),
      404,
      "Unable to find shared memory region: 'r'"
    ],
    [
      "region name",
      input({ parameters: { shared_memory_region: 1 } }, { ...good, data: undefined }),
      500,
      "Unable to parse 'shared_memory_region': attempt to access JSON non-string as string"
    ],
    [
      "region offset",
      input({ parameters: { shared_memory_region: "r", shared_memory_offset: -1 } }, { ...good, data: undefined }),
      500,
      "Unable to parse 'shared_memory_offset': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    [
      "region size",
      input({ parameters: { shared_memory_region: "r", shared_memory_byte_size: "1" } }, { ...good, data: undefined }),
      500,
      "Unable to parse 'shared_memory_byte_size': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    ["data no array", input({ data: 5 }), 500, "Unable to parse 'data': attempt to access JSON non-array as array"],
    ["data null", input({ data: null }), 500, "Unable to parse 'data': attempt to access JSON non-array as array"],
    [
      "data of another kind",
      input({ data: [1, "2"] }),
      500,
      "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer"
    ],
    [
      "data too long",
      input({ data: [1, 2, 3] }),
      500,
      "Unable to parse 'data': Shape does not match true shape of 'data' field"
    ],
    ["data too short", input({ data: [[1]] }), 500, "Failed to parse 'data' field: shape does not match true shape"],
    [
      "data out of range",
      input({ data: [0, 300], datatype: "UINT8" }),
      400,
      "Unable to parse 'data': element 1 of input 'A' is out of range for UINT8: expected 0 to 255"
    ],
    [
      "FP16",
      input({ datatype: "FP16" }),
      400,
      "receiving FP16 data via JSON is not supported. Please use the binary data format for input A"
    ],
    [
      "BF16",
      input({ datatype: "BF16" }),
      400,
      "receiving BF16 data via JSON is not supported. Please use the binary data format for input A"
    ],
    ["datatype unknown", input({ datatype: "INT33" }), 400, "invalid datatype for input A"],
    [
      "string",
      input({ datatype: "BYTES" }),
      500,
      "Unable to parse JSON bytes array: attempt to access JSON non-string as string"
    ],
    [
      "shape overflow",
      input({ shape: [4294967296, 4294967296] }),
      400,
      "invalid shape for input 'A': shape [4294967296,4294967296] causes total element count to exceed maximum size of 9223372036854775807"
    ],
    [
      "shape overflow in 64 bits",
      "{\"inputs\":[{\"name\":\"A\",\"shape\":[9223372036854775807,16],\"datatype\":\"INT8\",\"data\":[1]}]}",
      400,
      "invalid shape for input 'A': shape [9223372036854775807,16] causes total element count to exceed maximum size of 9223372036854775807"
    ],
    [
      "byte size overflow",
      "{\"inputs\":[{\"name\":\"A\",\"shape\":[9223372036854775807],\"datatype\":\"INT32\",\"data\":[1]}]}",
      400,
      "byte size overflow for input 'A': element count (9223372036854775807) * data type size (4) exceeds maximum allowed size (9223372036854775807)"
    ],
    [
      "shape beyond the limit",
      input({ shape: [1000000, 1000] }),
      400,
      "JSON input 'A' has a byte_size (4000000000 bytes) that exceeds the maximum allowed value of 1048576 bytes. Use --http-max-input-size to increase the limit."
    ],
    [
      "shape far beyond the limit",
      input({ shape: [1000000000, 1000000000] }),
      400,
      "JSON input 'A' has a byte_size (4000000000000000000 bytes) that exceeds the maximum allowed value of 1048576 bytes. Use --http-max-input-size to increase the limit."
    ],
    ["rank", input({ shape: Array.from({ length: 257 }, () => 1) }), 400, "a shape has more than 256 dimensions"],
    [
      "outputs",
      { inputs: [good], outputs: {} },
      500,
      "Unable to parse 'outputs': attempt to access JSON non-array as array"
    ],
    ["output name", outputs({}), 500, "Unable to parse 'name': attempt to access non-existing object member 'name'"],
    ["output number", outputs(5), 500, "Unable to parse 'name': attempt to access non-existing object member 'name'"],
    [
      "output twice",
      { ...outputs({ name: "Y" }, { name: "Y" }), id: "q" },
      400,
      "[request id: q] output 'Y' already exists in request"
    ],
    [
      "classification",
      outputs({ name: "Y", parameters: { classification: -1 } }),
      500,
      "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer"
    ],
    [
      "binary_data",
      outputs({ name: "Y", parameters: { binary_data: 1 } }),
      500,
      "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean"
    ],
    [
      "output region",
      outputs({ name: "Y", parameters: { shared_memory_region: "r" } }),
      404,
      "Unable to find shared memory region: 'r'"
    ],
    [
      "output region and classes",
      outputs({ name: "Y", parameters: { shared_memory_region: "r", classification: 1 } }),
      400,
      "Output can't set both 'shared_memory_region' and 'classification'"
    ],
    [
      "output region and binary",
      outputs({ name: "Y", parameters: { shared_memory_region: "r", binary_data: true } }),
      400,
      "Output can't set both 'shared_memory_region' and 'binary_data'"
    ],
    [
      "output region and binary false",
      outputs({ name: "Y", parameters: { shared_memory_region: "r", binary_data: false } }),
      404,
      "Unable to find shared memory region: 'r'"
    ],
    [
      "output region and binary of another kind",
      outputs({ name: "Y", parameters: { shared_memory_region: "r", binary_data: 1 } }),
      500,
      "Unable to set 'binary_data': attempt to access JSON non-boolean as boolean"
    ]
  ]
  for (const [title, json, status, text] of cases) {
    it(`refuses: ${title}`, () => assert.deepStrictEqual(refuse(json), [status, text]))
  }

  it("names the parameter of the wrong kind", () => {
    const id = "an id is text or a whole number from 1 to 2^64 - 1"
    const kinds: ReadonlyArray<readonly [string, unknown, string]> = [
      ["sequence_id", true, `string as string; ${id}`],
      ["sequence_id", -1, `string as string; ${id}`],
      ["sequence_id", 1.5, `string as string; ${id}`],
      ["sequence_id", 2 ** 64, `string as string; ${id}`],
      ["sequence_start", 1, "boolean as boolean"],
      ["sequence_end", "true", "boolean as boolean"],
      ["priority", -1, "unsigned-integer as unsigned-integer"],
      ["timeout", 1.5, "unsigned-integer as unsigned-integer"],
      ["binary_data_output", null, "boolean as boolean"]
    ]
    for (const [key, value, kinds_] of kinds) {
      assert.deepStrictEqual(refuse({ inputs: [good], parameters: { [key]: value } }), [
        500,
        `Unable to parse '${key}': attempt to access JSON non-${kinds_}`
      ])
    }
    for (const value of [null, {}, []]) {
      assert.deepStrictEqual(refuse({ inputs: [good], parameters: { p: value } }), [
        400,
        "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."
      ])
    }
    assert.deepStrictEqual(refuse({ inputs: [good], parameters: { triton_x: 1 } }), [
      400,
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
    ])
    assert.deepStrictEqual(refuse({ inputs: [good], parameters: { sequence_id: "é".repeat(65) } }), [
      501,
      "string correlation ID cannot be longer than 128 characters"
    ])
    const many = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`p${i}`, i]))
    assert.deepStrictEqual(refuse({ inputs: [good], parameters: many }), [400, "request has more than 1024 parameters"])
  })

  it("accounts for every byte of the binary section", () => {
    assert.deepStrictEqual(refuse({ inputs: [binary] }, new Uint8Array(6)), [
      400,
      "unexpected size for input 'A', expecting 2 additional bytes for model 'm'"
    ])
    assert.deepStrictEqual(refuse({ inputs: [binary] }, new Uint8Array(9)), [
      400,
      "unexpected additional input data for model 'm'"
    ])
    assert.deepStrictEqual(
      refuse(
        "{\"inputs\":[{\"name\":\"A\",\"shape\":[1],\"datatype\":\"INT8\",\"parameters\":{\"binary_data_size\":18446744073709551615}}]}",
        new Uint8Array(1)
      ),
      [400, "unexpected size for input 'A', expecting 18446744073709551614 additional bytes for model 'm'"]
    )
    assert.strictEqual(
      accept({ inputs: [{ ...binary, parameters: { binary_data_size: 0 } }] }).request.inputs[0]?.data.length,
      0
    )
  })

  it("lets the first error in Triton's order win", () => {
    const broken = {
      outputs: [{}],
      inputs: [good, { ...good, data: ["x"], datatype: "INT8", name: "B" }, {}],
      parameters: { timeout: "x" },
      id: 5
    }
    const text = JSON.stringify(broken)
    assert.match(refuse(text.slice(0, -1))[1], /^failed to parse the request JSON buffer/)
    assert.match(refuse(text.replace("\"x\"]", "\"\\ud800\"]"))[1], /surrogate pair/)
    assert.match(refuse(broken)[1], /^Unable to parse 'id'/)
    assert.match(refuse({ ...broken, id: "" })[1], /^Unable to parse 'timeout'/)
    assert.match(refuse({ ...broken, id: "", parameters: {} })[1], /^Unable to parse 'data'/)
    assert.match(refuse({ ...broken, id: "", parameters: {}, inputs: [good, {}] })[1], /^Input must set/)
    assert.match(
      refuse({ ...broken, id: "", parameters: {}, inputs: [good] }, new Uint8Array(1))[1],
      /^unexpected additional/
    )
    assert.match(refuse({ ...broken, id: "", parameters: {}, inputs: [good] })[1], /^Unable to parse 'name'/)
  })

  it("limits the JSON part and not the binary section", () => {
    const json = JSON.stringify({ inputs: [{ ...binary, shape: [1000], parameters: { binary_data_size: 4000 } }] })
    assert.deepStrictEqual(refuse(json, new Uint8Array(4000), 50), [
      400,
      `request JSON size of ${json.length} bytes exceeds the maximum allowed input size of 50 bytes. Use --http-max-input-size to increase the limit.`
    ])
    Result.getOrThrow(
      decode(Buffer.concat([Buffer.from(json), new Uint8Array(4000)]), json.length, {
        modelName: "m",
        maxInputSize: 200
      })
    )
    const strings = `{"inputs":[{"name":"A","shape":[100],"datatype":"BYTES","data":[${"\"\",".repeat(99)}""]}]}`
    assert.isBelow(strings.length, 399)
    assert.deepStrictEqual(refuse(strings, undefined, 399), [
      400,
      "JSON input 'A' has a byte_size (400 bytes) that exceeds the maximum allowed value of 399 bytes. Use --http-max-input-size to increase the limit."
    ])
  })

  it("refuses JSON that is not UTF-8, and deep JSON wherever it is", () => {
    const bytes = Buffer.from(JSON.stringify({ id: "?", inputs: [good] }))
    bytes[7] = 0xff
    const result = decode(bytes, undefined, options)
    assert.isTrue(
      Result.isFailure(result) && result.failure._tag === "InvalidRequest" &&
        /not valid UTF-8/.test(result.failure.message)
    )
    const deep = "[".repeat(100000)
    assert.deepStrictEqual(refuse(`{"x":${deep}`), [400, "JSON nesting depth exceeds maximum allowed limit (100)"])
    assert.deepStrictEqual(refuse(`{"inputs":[{"name":"A","shape":[1],"datatype":"INT8","data":${deep}`), [
      400,
      "Unable to parse 'data': JSON nesting depth exceeds maximum allowed limit (100)"
    ])
  })

  it("bounds what lists can make it keep", () => {
    assert.deepStrictEqual(
      refuse({ inputs: Array.from({ length: 16385 }, (_, i) => ({ ...good, shape: [0], name: `${i}` })) }),
      [
        400,
        "request lists more than 16384 inputs"
      ]
    )
    assert.deepStrictEqual(refuse(outputs(...Array.from({ length: 16385 }, (_, i) => ({ name: `${i}` })))), [
      400,
      "request lists more than 16384 outputs"
    ])
  })

  it("neither throws nor hangs, whatever the bytes", () => {
    const seed = Buffer.from(JSON.stringify({
      id: "é\n",
      parameters: { sequence_id: 1, p: 0.5, q: "x" },
      inputs: [good, { ...binary, name: "B" }, { name: "S", shape: [2], datatype: "BYTES", data: [["a", "\u20ac"]] }],
      outputs: [{ name: "Y", parameters: { binary_data: true } }]
    }))
    const edit = fc.record({
      at: fc.nat(seed.length),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 3 }),
        fc.constantFrom(...["[", "]", "{", "}", ",", ":", "\"", "\\", "1e9", "-", "null"].map((t) => Buffer.from(t)))
      )
    })
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), fc.nat(20), (edits, tail) => {
        let bytes: Uint8Array = seed
        for (const { at, insert, remove } of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)])
        }
        const result = decode(Buffer.concat([bytes, new Uint8Array(tail)]), bytes.length, options)
        if (Result.isFailure(result)) assert.isAbove(result.failure.message.length, 0)
      }),
      { numRuns: 5000 }
    )
  })
})
