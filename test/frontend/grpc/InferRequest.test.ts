import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { toRequest } from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequest.ts"
import * as InferRequestReader from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequestReader.ts"
import * as Submission from "../../../src/layers/frontend/internal/grpc/rpcs/infer/Submission.ts"
import * as HeaderForwarding from "../../../src/layers/frontend/internal/HeaderForwarding.ts"
import { isReadFailure } from "../../../src/layers/frontend/internal/json/JsonAccess.ts"
import { table } from "../../../src/schema/DataType.ts"
import type { InferenceRequest, Parameter } from "../../../src/schema/Inference.ts"
import { regionNotFound } from "../../../src/services/ClientMemory.ts"
import * as Messages from "./Messages.ts"

const surroundings = {
  allocate: (byteLength: number) => new Uint8Array(byteLength),
  forward: undefined,
  metadata: [],
  deadlineMicros: 0,
  inRegion: (region: string): never => {
    throw regionNotFound(region)
  }
}

const made = (bytes: Uint8Array, more: Partial<Parameters<typeof toRequest>[1]> = {}): InferenceRequest =>
  toRequest(InferRequestReader.read(bytes), { ...surroundings, ...more })

const requestOf = (draft: Messages.Request): InferenceRequest => made(Messages.request(draft))

/** Code and text of what is wrong with a request, `undefined` where nothing is. */
const problem = (draft: Messages.Request): string | undefined => {
  try {
    requestOf(draft)
    return undefined
  } catch (thrown) {
    if (isReadFailure(thrown)) return `${thrown.code} ${thrown.message}`
    throw thrown
  }
}

const input = { name: "X", datatype: "FP32", shape: [1] }
const raw = [new Uint8Array(4)]

const tensors = ({ inputs }: InferenceRequest) =>
  inputs.map(({ data, datatype, name, shape }) => ({ name, datatype, shape: [...shape], data: [...data] }))

describe("A ModelInferRequest", () => {
  it("becomes a request whose tensors are views of the message", () => {
    const bytes = Messages.request({
      model_name: "m",
      model_version: "3",
      id: "é",
      inputs: [{ name: "A", datatype: "INT32", shape: [2, 1] }, { name: "B", datatype: "BYTES", shape: [0] }],
      outputs: [{ name: "O" }, { name: "P", parameters: { classification: { int64_param: 3n } } }],
      raw_input_contents: [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), new Uint8Array(0)]
    })
    const message = InferRequestReader.read(bytes)
    assert.deepStrictEqual([message.modelName, message.modelVersion], ["m", "3"])
    const request = toRequest(message, { ...surroundings, deadlineMicros: 5 })
    assert.deepStrictEqual(tensors(request), [
      { name: "A", datatype: "INT32", shape: [2, 1], data: [1, 2, 3, 4, 5, 6, 7, 8] },
      { name: "B", datatype: "BYTES", shape: [0], data: [] }
    ])
    assert.isTrue(request.inputs.every(({ data }) => data.buffer === bytes.buffer))
    const { inputs: _, ...rest } = request
    assert.deepStrictEqual(rest, {
      id: "é",
      outputs: [{ name: "O", classification: 0 }, { name: "P", classification: 3 }],
      parameters: new Map(),
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 5,
      sequence: undefined,
      trace: undefined
    })
  })

  const dim = fc.oneof(fc.integer({ min: -2, max: 300 }), fc.maxSafeInteger())
  const tensor = fc.record({
    name: fc.string(),
    datatype: fc.constantFrom(...table.map(({ name }) => name)),
    shape: fc.array(dim, { maxLength: 5 })
  })

  it("is read as the generic codec writes it", () => {
    fc.assert(fc.property(
      fc.record({
        model_name: fc.string({ unit: "binary" }),
        id: fc.string(),
        inputs: fc.uniqueArray(tensor, { maxLength: 8, selector: ({ name }) => name }),
        raw: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 8, maxLength: 10 })
      }),
      ({ id, inputs, model_name, raw }) => {
        const bytes = Messages.request({ model_name, id, inputs, raw_input_contents: raw })
        const message = InferRequestReader.read(bytes)
        assert.strictEqual(message.modelName, model_name)
        assert.deepStrictEqual(
          tensors(toRequest(message, surroundings)),
          inputs.map((input, i) => ({ ...input, data: [...raw[i]!] }))
        )
      }
    ))
  })

  it("is refused with the text of malformed messages where its bytes end early or are changed", () => {
    const whole = Messages.request({
      model_name: "model",
      inputs: [{ name: "X", datatype: "INT64", shape: [2], contents: { int64_contents: [1n, -1n] } }],
      parameters: { a: { string_param: "text" } }
    })
    for (let length = 1; length < whole.length; length++) {
      const read = Submission.read(whole.slice(0, length))
      if (Result.isFailure(read)) {
        assert.strictEqual(`${read.failure.code} ${read.failure.message}`, "INTERNAL Unable to parse request")
      }
    }
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const changed = whole.slice()
      changed[at] = value
      const read = Submission.read(changed)
      if (Result.isFailure(read)) {
        assert.include(["Unable to parse request", "a shape has more than"], read.failure.message.slice(0, 23))
        return
      }
      try {
        toRequest(read.success, surroundings)
      } catch (thrown) {
        assert.isTrue(isReadFailure(thrown), String(thrown))
      }
    }))
  })

  it("takes fields in any order, shapes unpacked, and skips what it does not know", () => {
    const part = (draft: Messages.Request) => Buffer.from(Messages.request(draft))
    const unpacked = Buffer.from([42, 9, 24, 5, 24, 0x80, 1, 10, 1, 0x58, 0x80, 1])
    // Field 16 of wire type 0 ends the input; the message has a fixed32 field 20 behind it.
    const input = Buffer.concat([Buffer.from([42, 11]), unpacked.subarray(2), Buffer.from([7])])
    const bytes = Buffer.concat([
      part({ raw_input_contents: [Uint8Array.of(9)] }),
      input,
      Buffer.from([0xa5, 1, 0, 0, 0, 0]),
      part({ model_name: "first" }),
      part({ model_name: "last" })
    ])
    const message = InferRequestReader.read(new Uint8Array(bytes))
    assert.strictEqual(message.modelName, "last")
    assert.deepStrictEqual(tensors(toRequest(message, surroundings)), [
      { name: "X", datatype: "<invalid>", shape: [5, 128], data: [9] }
    ] as ReadonlyArray<unknown>)
  })

  it("rounds dimensions that no model can have", () => {
    const shape = [42, 14, 10, 1, 0x58, 26, 9, 255, 255, 255, 255, 255, 255, 255, 255, 127]
    const bytes = Uint8Array.from([...shape, 58, 0])
    assert.deepStrictEqual(made(bytes).inputs[0]!.shape, [2 ** 63])
  })

  for (
    const [what, draft, expected] of [
      [
        "an input listed twice",
        { id: "7", inputs: [input, input], raw_input_contents: raw },
        "INVALID_ARG [request id: 7] input 'X' already exists in request"
      ],
      [
        "an output listed twice",
        { outputs: [{ name: "O" }, { name: "P" }, { name: "O" }] },
        "INVALID_ARG [request id: <id_unknown>] output 'O' already exists in request"
      ],
      [
        "no data",
        { model_name: "m", inputs: [input] },
        "INVALID_ARG unable to find data for input tensor 'X' for model 'm' in request."
      ],
      [
        "raw and typed contents",
        { model_name: "m", inputs: [{ ...input, contents: {} }], raw_input_contents: raw },
        "INVALID_ARG contents field must not be specified when using raw_input_contents for 'X' for model 'm'"
      ],
      [
        "two lists",
        { model_name: "m", inputs: [{ ...input, contents: { fp32_contents: [1], fp64_contents: [1] } }] },
        "INVALID_ARG unexpected explicit tensor data for input tensor 'X' for model 'm', binary data was already supplied."
      ],
      [
        "a list of another type",
        { model_name: "m", inputs: [{ ...input, datatype: "FP16", contents: { fp32_contents: [1] } }] },
        "INVALID_ARG unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'FP32', expected datatype 'FP16'"
      ],
      [
        "a list for a datatype that is none",
        { model_name: "m", inputs: [{ ...input, datatype: "INT4", contents: { int_contents: [1] } }] },
        "INVALID_ARG unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'INT32', expected datatype '<invalid>'"
      ],
      [
        "shared memory",
        {
          inputs: [{
            ...input,
            parameters: { shared_memory_region: { string_param: "r" }, shared_memory_byte_size: { int64_param: 4n } }
          }]
        },
        "NOT_FOUND Unable to find shared memory region: 'r'"
      ],
      [
        "shared memory with contents",
        {
          model_name: "m",
          inputs: [{
            ...input,
            contents: {},
            parameters: { shared_memory_region: { string_param: "r" }, shared_memory_byte_size: { int64_param: 4n } }
          }]
        },
        "INVALID_ARG unexpected 'content' provided when using shared memory for input tensor 'X' for model 'm'"
      ],
      [
        "a region that is no string",
        { inputs: [{ ...input, parameters: { shared_memory_region: { int64_param: 1n } } }] },
        "INVALID_ARG invalid value type for 'shared_memory_region' parameter for tensor 'X', expected string_param."
      ],
      [
        "an offset that is no integer",
        {
          inputs: [{
            ...input,
            parameters: { shared_memory_region: { string_param: "r" }, shared_memory_offset: { bool_param: true } }
          }]
        },
        "INVALID_ARG invalid value type for 'shared_memory_offset' parameter for tensor 'X', expected int64_param."
      ],
      [
        "an offset without a region",
        { inputs: [{ ...input, parameters: { shared_memory_offset: { int64_param: 1n } } }] },
        "INVALID_ARG 'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'X'"
      ],
      [
        "a size without a region",
        { inputs: [{ ...input, parameters: { shared_memory_byte_size: { int64_param: 1n } } }] },
        "INVALID_ARG 'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'X'"
      ],
      [
        "a region without a size",
        { inputs: [{ ...input, parameters: { shared_memory_region: { string_param: "r" } } }] },
        "INVALID_ARG 'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'X'"
      ],
      [
        "an output in a region, classified",
        {
          outputs: [{
            name: "O",
            parameters: {
              shared_memory_region: { string_param: "r" },
              shared_memory_byte_size: { int64_param: 4n },
              classification: { int64_param: 1n }
            }
          }]
        },
        "INVALID_ARG output can't set both 'shared_memory_region' and 'classification'"
      ],
      [
        "classes that are no integer",
        { outputs: [{ name: "O", parameters: { classification: { string_param: "1" } } }] },
        "INVALID_ARG invalid value type for 'classification' parameter, expected int64_param"
      ],
      [
        "no classes",
        { outputs: [{ name: "O", parameters: { classification: { int64_param: 0n } } }] },
        "INVALID_ARG invalid value for 'classification' parameter, expected >= 0"
      ],
      [
        "a sequence id of another type",
        { parameters: { sequence_id: { bool_param: true } } },
        "INVALID_ARG invalid value type for 'sequence_id' parameter, expected int64_param or string_param."
      ],
      [
        "a sequence id that is too long",
        { parameters: { sequence_id: { string_param: "é".repeat(65) } } },
        "UNSUPPORTED string correlation ID cannot be longer than 128 characters"
      ],
      [
        "a start that is no bool",
        { parameters: { sequence_start: { int64_param: 1n } } },
        "INVALID_ARG invalid value type for 'sequence_start' parameter, expected bool_param."
      ],
      [
        "an end that is no bool",
        { parameters: { sequence_end: {} } },
        "INVALID_ARG invalid value type for 'sequence_end' parameter, expected bool_param."
      ],
      [
        "a negative priority",
        { parameters: { priority: { int64_param: -1n } } },
        "INVALID_ARG invalid value for 'priority', expected value >= 0."
      ],
      [
        "a priority that is no integer",
        { parameters: { priority: { double_param: 1 } } },
        "INVALID_ARG invalid value type for 'priority' parameter, expected int64_param or uint64_param."
      ],
      [
        "a timeout of another type",
        { parameters: { timeout: { uint64_param: 1n } } },
        "INVALID_ARG invalid value type for 'timeout' parameter, expected int64_param."
      ],
      [
        "a reserved parameter",
        { parameters: { triton_secret: { bool_param: true } } },
        "INVALID_ARG parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting " +
        "with 'triton_' are allowed: triton_enable_empty_final_response"
      ],
      [
        "the allowed one of another type",
        { parameters: { triton_enable_empty_final_response: { string_param: "true" } } },
        "INVALID_ARG invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param."
      ],
      [
        "a parameter without a value",
        { parameters: { x: {} } },
        "INVALID_ARG invalid value type for 'x' parameter, expected int64_param, bool_param, or string_param."
      ],
      [
        "an unsigned parameter",
        { parameters: { x: { uint64_param: 1n } } },
        "INVALID_ARG invalid value type for 'x' parameter, expected int64_param, bool_param, or string_param."
      ]
    ] as ReadonlyArray<readonly [string, Messages.Request, string]>
  ) {
    it(`with ${what} is refused in these words`, () => assert.strictEqual(problem(draft), expected))
  }

  it("is judged in Triton's order", () => {
    const bad: Messages.Request = {
      parameters: { timeout: { bool_param: true } },
      inputs: [input, input],
      outputs: [{ name: "O", parameters: { classification: {} } }, { name: "O" }]
    }
    assert.match(problem(bad)!, /'timeout'/)
    assert.match(problem({ ...bad, parameters: {} })!, /input 'X' already exists/)
    assert.match(problem({ ...bad, parameters: {}, inputs: [input] })!, /output 'O' already exists/)
    const noData = { inputs: [input], outputs: [{ name: "O", parameters: { classification: {} } }] }
    assert.match(problem(noData)!, /unable to find data/)
    assert.match(problem({ ...noData, raw_input_contents: raw })!, /'classification'/)
  })

  it("brings its parameters", () => {
    const request = requestOf({
      parameters: {
        sequence_id: { int64_param: -1n },
        sequence_start: { bool_param: true },
        priority: { uint64_param: 2n },
        timeout: { int64_param: 1500n },
        triton_enable_empty_final_response: { bool_param: true },
        b: { bool_param: false },
        i: { int64_param: -7n },
        l: { int64_param: 2n ** 62n },
        s: { string_param: "text" },
        d: { double_param: 0.5 }
      }
    })
    assert.deepStrictEqual(request.sequence, { id: 2n ** 64n - 1n, start: true, end: false })
    assert.deepStrictEqual([request.priority, request.timeoutMicros], [2, 1500])
    assert.deepStrictEqual(
      request.parameters,
      new Map<string, Parameter>([["b", false], ["i", -7], ["l", 2n ** 62n], ["s", "text"], ["d", 0.5]])
    )
    assert.deepStrictEqual(
      requestOf({ parameters: { sequence_id: { string_param: "s" }, priority: { int64_param: 1n } } }).sequence,
      { id: "s", start: false, end: false }
    )
  })

  it("takes metadata as parameters where a pattern says so", () => {
    const metadata = ["x-own", "1", "other", "2"]
    const bytes = Messages.request({ parameters: { own: { int64_param: 1n } } })
    const request = made(bytes, { metadata, forward: HeaderForwarding.make("^x-") })
    assert.deepStrictEqual(request.parameters, new Map<string, Parameter>([["own", 1], ["x-own", "1"]]))
    const reserved = { metadata: ["timeout", "1"], forward: HeaderForwarding.make(".") }
    assert.throws(() => made(bytes, reserved), "Header 'timeout' is reserved for Triton usage and cannot be forwarded.")
  })

  it("lists no more than the server takes", () => {
    const many = (count: number, part: Messages.Request) => {
      const one = Buffer.from(Messages.request(part))
      return new Uint8Array(Buffer.concat(Array.from({ length: count }, () => one)))
    }
    const failure = (bytes: Uint8Array) => {
      const read = Submission.read(bytes)
      return Result.isFailure(read) ? read.failure.message : ""
    }
    assert.strictEqual(failure(many(16385, { inputs: [{}] })), "request lists more than 16384 inputs")
    assert.strictEqual(failure(many(16385, { outputs: [{}] })), "request lists more than 16384 outputs")
    const parameters = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`p${i}`, {}]))
    assert.strictEqual(failure(Messages.request({ parameters })), "request has more than 1024 parameters")
    const shape = Array.from({ length: 257 }, () => 1)
    assert.strictEqual(failure(Messages.request({ inputs: [{ shape }] })), "a shape has more than 256 dimensions")
    assert.strictEqual(
      InferRequestReader.read(many(20000, { raw_input_contents: [new Uint8Array(0)] })).raw.length,
      2 * 16384
    )
  })
})
