import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import type { DecodedRequest } from "../../../src/layers/frontend/internal/infer/DecodedRequest.ts"
import { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { encode } from "../../../src/layers/frontend/internal/infer/InferResponseEncoder.ts"
import { KnownTexts } from "../../../src/layers/frontend/internal/infer/KnownTexts.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import type { InferenceResponse } from "../../../src/schema/Inference.ts"
import { facts, isKnown } from "./Known.ts"

const options = { modelName: "m", maxInputSize: 10_000 }

/** Reads with texts that are known, and compares with what is read without. */
const read = (texts: KnownTexts, text: string | Uint8Array, modelName = "m", jsonLength?: number) => {
  const bytes = typeof text === "string" ? Buffer.from(text) : text
  const result = decode(bytes, jsonLength, { ...options, modelName, texts })
  assert.deepStrictEqual(facts(result), facts(decode(bytes, jsonLength, { ...options, modelName })))
  return result
}

const input = (datatype: string, shape: string, data: string, name = "A") =>
  `{"name":"${name}","datatype":"${datatype}","shape":${shape},"data":${data}}`

const request = (inputs: ReadonlyArray<string>, more = "") => `{"inputs":[${inputs.join()}]${more}}`

const sizes = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  INT16: 2,
  UINT16: 2,
  INT32: 4,
  UINT32: 4,
  INT64: 8,
  UINT64: 8,
  FP32: 4,
  FP64: 8
}
const readable = [...Object.keys(sizes), "BYTES"]

const numbers = ["0", "-0", "7", "-128", "127", "255", "256", "65536", "00", "1.5", "2.0", "1e2", "2147483648", "null"]
const others = ["9007199254740993", "18446744073709551616", "1234567890", "-", "NaN", "\"x\"", "true", "[]", "[1]", ""]
const strings = ["\"\"", "\"a\"", "\"\\u0041\\n\"", "\"é\"", "\"]\"", "\"\\\"],\"", "1"]

describe("KnownTexts", () => {
  it("finds a text again, with the tensors of the new request", () => {
    const texts = new KnownTexts()
    const text = (a: string, b: string) =>
      request(
        [input("INT32", "[2]", a), input("FP32", "[1,1]", b, "B")],
        ",\"id\":\"x\",\"parameters\":{\"priority\":2}"
      )
    assert.isFalse(isKnown(read(texts, text("[1,2]", "[0.5]"))))
    const found = read(texts, text("[ -3,400]", "[[1e3]]"))
    assert.isTrue(isKnown(found))
    const { id, inputs, priority } = Result.getOrThrow(found).request
    assert.deepStrictEqual(inputs.map(({ data }) => [...data]), [
      [253, 255, 255, 255, 144, 1, 0, 0],
      [0, 0, 122, 68]
    ])
    assert.deepStrictEqual([id, priority], ["x", 2])
  })

  it("finds strings of other lengths, and strings that are not ASCII", () => {
    const texts = new KnownTexts()
    read(texts, request([input("BYTES", "[2]", "[\"a\",\"b\"]")]))
    for (const data of ["[\"\",\"longer\"]", "[\"é\",\"\\u0041\"]"]) {
      assert.isTrue(isKnown(read(texts, request([input("BYTES", "[2]", data)]))), data)
    }
    const broken = Buffer.from(request([input("BYTES", "[2]", "[\"é\",\"x\"]")]))
    broken[broken.indexOf(0xc3)] = 0x41
    assert.isTrue(Result.isFailure(read(texts, broken)))
  })

  it("does not change with the memory that a text was read from", () => {
    const texts = new KnownTexts()
    const first = Buffer.from(request([input("INT8", "[2]", "[1,2]")]))
    const later = Buffer.from(first)
    const { inputs } = Result.getOrThrow(read(texts, first)).request
    first.fill(0x20)
    assert.deepStrictEqual([...inputs[0]!.data], [1, 2])
    assert.isTrue(isKnown(read(texts, later)))
  })

  it("keeps texts of different models apart", () => {
    const texts = new KnownTexts({ maxTexts: 1 })
    const text = request([input("INT8", "[2]", "[1,2]")])
    read(texts, text, "one")
    assert.isFalse(isKnown(read(texts, text, "other")))
  })

  it("takes no text for one that differs anywhere but in its data", () => {
    const text = request([input("INT8", "[2]", "[1,2]"), input("INT8", "[1]", "[3]", "B")], ",\"id\":\"x\"")
    for (let at = 0; at < text.length; at++) {
      const texts = new KnownTexts({ maxTexts: 1 })
      read(texts, text)
      for (const letter of [" ", "3", "]", "\"", "X"]) read(texts, text.slice(0, at) + letter + text.slice(at + 1))
      read(texts, text.slice(0, at))
      read(texts, `${text.slice(0, at)} ${text.slice(at)}`)
    }
  })

  it("keeps nothing whose tensors are not all where they stand in the text, nothing long, and nothing wrong", () => {
    const late = "{\"data\":[1],\"name\":\"A\",\"datatype\":\"INT8\",\"shape\":[1]}"
    const empty = input("INT8", "[0]", "[]")
    const long = input("INT8", "[1]", `[${" ".repeat(8200)}1]`)
    for (const text of [request([late]), request([empty]), request([long]), request([input("INT8", "[1]", "[300]")])]) {
      const texts = new KnownTexts()
      for (let i = 0; i < 3; i++) assert.isFalse(isKnown(read(texts, text)), text)
    }
    const texts = new KnownTexts()
    const mixed = request([
      input("INT8", "[1]", "[1]"),
      "{\"name\":\"B\",\"datatype\":\"INT8\",\"shape\":[1],\"parameters\":{\"binary_data_size\":1}}"
    ])
    for (let i = 0; i < 3; i++) assert.isFalse(isKnown(read(texts, `${mixed}7`, "m", mixed.length)))
  })

  it("refuses what is larger than the limit, known or not", () => {
    const texts = new KnownTexts()
    const text = request([input("INT8", "[1]", "[1]")])
    read(texts, text)
    const result = decode(Buffer.from(text), undefined, { ...options, maxInputSize: 10, texts })
    assert.deepStrictEqual(facts(result), facts(decode(Buffer.from(text), undefined, { ...options, maxInputSize: 10 })))
  })

  it("makes room for a text that comes often, beside others that come once", () => {
    const texts = new KnownTexts({ maxTexts: 1 })
    const text = (id: string) => request([input("INT8", "[1]", "[1]")], `,"id":"${id}"`)
    for (let i = 0; i < 100; i++) read(texts, text(`request ${i}`))
    let times = 0
    while (!isKnown(read(texts, text("same"))) && times < 1000) times++
    assert.isBelow(times, 300)
  })

  it("reads whatever comes as it would be read without", () => {
    const element = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -200, max: 300 }).map(String) },
      { weight: 2, arbitrary: fc.constantFrom(...numbers, ...others) },
      { weight: 2, arbitrary: fc.constantFrom(...strings) }
    )
    const datatype = fc.constantFrom(...readable, "FP16", "X")
    const data = fc.tuple(
      fc.array(element, { minLength: 0, maxLength: 3 }),
      fc.constantFrom(",", ",", " ,", ", ", ",,", ";"),
      fc.constantFrom("[", "[", "[ ", "[[", ""),
      fc.constantFrom("]", "]", " ]", "]]", "", "],")
    ).map(([elements, comma, opened, closed]) => opened + elements.join(comma) + closed)
    const part = fc.record({
      datas: fc.array(data, { minLength: 2, maxLength: 2 }),
      id: fc.constantFrom(
        "",
        "",
        ",\"id\":\"x\"",
        ",\"outputs\":[{\"name\":\"Y\",\"parameters\":{\"binary_data\":true}}]"
      ),
      model: fc.constantFrom("m", "m", "n"),
      surplus: fc.constantFrom("", "", "", " ", "}", ",")
    })
    fc.assert(
      fc.property(
        datatype,
        datatype,
        fc.constantFrom("[1]", "[2]", "[1,2]", "[3]"),
        fc.array(part, { maxLength: 20 }),
        (first, second, shape, parts) => {
          const texts = new KnownTexts({ maxTexts: 2 })
          for (const { datas, id, model, surplus } of parts) {
            read(
              texts,
              request([input(first, shape, datas[0]!), input(second, shape, datas[1]!, "B")], id) + surplus,
              model
            )
          }
        }
      ),
      { numRuns: 500 }
    )
  })
})

describe("KnownAnswer of JSON", () => {
  const known = (more = ""): DecodedRequest => {
    const texts = new KnownTexts()
    const text = request([input("INT8", "[1]", "[1]")], more)
    read(texts, text)
    return Result.getOrThrow(read(texts, text))
  }

  const response = (
    datatype: DataType,
    shape: ReadonlyArray<number>,
    data: Uint8Array,
    changes: Partial<InferenceResponse> = {}
  ): InferenceResponse => ({
    id: "",
    modelName: "m",
    modelVersion: "1",
    parameters: new Map(),
    outputs: ["Y", "Z"].map((name) => ({ name, datatype, shape, data })),
    timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
    release: () => {},
    ...changes
  })

  const answer = (given: InferenceResponse, decoded: DecodedRequest) => {
    const encoded = encode(given, decoded)
    if (Result.isFailure(encoded)) return { failure: encoded.failure.message }
    const { body, ...rest } = encoded.success
    return { ...rest, body: typeof body === "string" ? body : Buffer.concat(body).toString("latin1") }
  }

  it("writes answers as they would be written without, whatever the one before was", () => {
    const byte = fc.oneof(fc.constantFrom(0, 0, 0, 1, 9, 10, 99, 100, 127, 128, 255), fc.nat(255))
    const one = fc.tuple(
      fc.constantFrom(...Object.keys(sizes) as ReadonlyArray<keyof typeof sizes>),
      fc.constantFrom<ReadonlyArray<number>>([2], [1, 2], [3], [0]),
      fc.array(byte, { minLength: 24, maxLength: 24 }),
      fc.constantFrom<Partial<InferenceResponse>>({}, {}, {}, { id: "é" }, { modelVersion: "2" }, { outputs: [] }, {
        parameters: new Map([["key", 1]])
      })
    ).map(([datatype, shape, bytes, changes]) => {
      const size = shape.reduce((product, dim) => product * dim, sizes[datatype])
      return response(datatype, shape, Uint8Array.from(bytes).subarray(0, size), changes)
    })
    const more = fc.constantFrom(
      "",
      ",\"parameters\":{\"binary_data_output\":true}",
      ",\"outputs\":[{\"name\":\"Y\",\"parameters\":{\"binary_data\":true}},{\"name\":\"Z\"}]"
    )
    fc.assert(fc.property(more, fc.array(one, { maxLength: 10 }), (asked, answers) => {
      const decoded = known(asked)
      for (const each of answers.flatMap((given) => [given, given])) {
        assert.deepStrictEqual(answer(each, decoded), answer(each, { ...decoded, answer: undefined }))
      }
    }))
  })

  it("writes what has no JSON form, or does not fit its shape, as it would be written without", () => {
    const strange = [
      response("BYTES", [1], Uint8Array.of(1, 0, 0, 0, 65)),
      response("BYTES", [1], Uint8Array.of(0, 0, 0, 0, 0)),
      response("INT8", [2], Uint8Array.of(1)),
      response("FP16", [1], Uint8Array.of(1, 2)),
      response("UINT8", [5], Uint8Array.of(1, 2, 3, 4, 5)),
      response("INT8", [5000], new Uint8Array(5000).fill(200))
    ]
    const decoded = known()
    for (const first of strange) {
      for (const second of strange) {
        for (const each of [first, second]) {
          assert.deepStrictEqual(answer(each, decoded), answer(each, { ...decoded, answer: undefined }))
        }
      }
    }
  })
})
