import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import type { DecodedRequest } from "../../../src/layers/frontend/internal/infer/DecodedRequest.ts"
import { decode } from "../../../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { encode } from "../../../src/layers/frontend/internal/infer/InferResponseEncoder.ts"
import { KnownHeads } from "../../../src/layers/frontend/internal/infer/KnownHeads.ts"
import type { InferenceResponse } from "../../../src/schema/Inference.ts"
import { facts, isKnown } from "./Known.ts"

const options = { modelName: "m", maxInputSize: 10_000 }

const body = (head: unknown, ...blobs: ReadonlyArray<Uint8Array>) => {
  const json = Buffer.from(JSON.stringify(head))
  return { bytes: Buffer.concat([json, ...blobs]), length: json.length }
}

const input = (name: string, size: number) => ({
  name,
  datatype: "UINT8",
  shape: [1, size],
  parameters: { binary_data_size: size }
})

const two = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ...changes,
  inputs: [input("A", 3), input("B", 2)],
  outputs: [{ name: "Y", parameters: { binary_data: true } }]
})

/** Reads with heads, and compares with what is read without. */
const read = (heads: KnownHeads, { bytes, length }: ReturnType<typeof body>, modelName = "m") => {
  const result = decode(bytes, length, { ...options, modelName, heads })
  assert.deepStrictEqual(facts(result), facts(decode(bytes, length, { ...options, modelName })))
  return result
}

const response = (changes: Partial<InferenceResponse> = {}): InferenceResponse => ({
  id: "",
  modelName: "m",
  modelVersion: "1",
  parameters: new Map(),
  outputs: [{ name: "Y", datatype: "UINT8", shape: [1, 2], data: Uint8Array.of(7, 8) }],
  timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
  release: () => {},
  ...changes
})

describe("KnownHeads", () => {
  it("finds a head again, with the tensors of the new request", () => {
    const heads = new KnownHeads()
    const first = body(two({ id: "a", parameters: { sequence_id: 7, priority: 2 } }), Uint8Array.of(1, 2, 3, 4, 5))
    assert.isFalse(isKnown(read(heads, first)))
    const second = { ...first, bytes: Buffer.from(first.bytes) }
    second.bytes.set([9, 8, 7, 6, 5], second.length)
    const found = read(heads, second)
    assert.isTrue(isKnown(found))
    assert.deepStrictEqual([...Result.getOrThrow(found).request.inputs[1]!.data], [6, 5])
  })

  it("does not change with the memory that a head was read from", () => {
    const heads = new KnownHeads()
    const first = body(two({ id: "a" }), new Uint8Array(5))
    const later = { ...first, bytes: Buffer.from(first.bytes) }
    read(heads, first)
    first.bytes.fill(0x20)
    assert.isTrue(isKnown(read(heads, later)))
  })

  it("takes no head for another one of the same length", () => {
    const heads = new KnownHeads({ maxHeads: 1 })
    read(heads, body(two({ id: "a" }), new Uint8Array(5)))
    assert.isFalse(isKnown(read(heads, body(two({ id: "b" }), new Uint8Array(5)))))
  })

  it("reads afresh what has more or fewer bytes behind its head", () => {
    const heads = new KnownHeads()
    read(heads, body(two(), new Uint8Array(5)))
    for (const size of [4, 6, 0]) {
      assert.isTrue(Result.isFailure(read(heads, body(two(), new Uint8Array(size)))), String(size))
    }
  })

  it("keeps heads of different models apart", () => {
    const heads = new KnownHeads()
    read(heads, body(two(), new Uint8Array(5)), "one")
    assert.isFalse(isKnown(read(heads, body(two(), new Uint8Array(5)), "other")))
  })

  it("keeps nothing that has tensors in its JSON, none that is too long, and none that is wrong", () => {
    const heads = new KnownHeads({ maxHeadBytes: 400 })
    const mixed = { inputs: [input("A", 2), { name: "B", datatype: "UINT8", shape: [1], data: [4] }] }
    const long = two({ id: "x".repeat(400) })
    const wrong = { inputs: [input("A", 2), input("A", 0)] }
    for (const head of [mixed, long, wrong]) {
      for (let i = 0; i < 3; i++) {
        assert.isFalse(isKnown(read(heads, body(head, new Uint8Array(head === long ? 5 : 2)))))
      }
    }
  })

  it("makes room for a head that comes often, beside others that come once", () => {
    const heads = new KnownHeads({ maxHeads: 1 })
    for (let i = 0; i < 100; i++) read(heads, body(two({ id: `request ${i}` }), new Uint8Array(5)))
    let times = 0
    while (!isKnown(read(heads, body(two(), new Uint8Array(5)))) && times < 1000) times++
    assert.isBelow(times, 300)
  })

  it("reads whatever comes as it would be read without", () => {
    const part = fc.record({
      id: fc.constantFrom("", "a", "b"),
      sizes: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
      surplus: fc.constantFrom(0, 0, 0, 1),
      model: fc.constantFrom("m", "n")
    })
    fc.assert(fc.property(fc.array(part, { maxLength: 30 }), (requests) => {
      const heads = new KnownHeads({ maxHeads: 2 })
      for (const { id, model, sizes, surplus } of requests) {
        const size = sizes.reduce((sum, each) => sum + each, surplus)
        const bytes = Uint8Array.from({ length: size }, (_, i) => i)
        read(heads, body({ id, inputs: sizes.map((each, i) => input(`I${i}`, each)) }, bytes), model)
      }
    }))
  })
})

describe("KnownAnswer", () => {
  const known = (head: unknown = two()): DecodedRequest => {
    const heads = new KnownHeads()
    read(heads, body(head, new Uint8Array(5)))
    return Result.getOrThrow(read(heads, body(head, new Uint8Array(5))))
  }

  const answer = (given: InferenceResponse, decoded: DecodedRequest) => {
    const { body, ...rest } = Result.getOrThrow(encode(given, decoded))
    return { ...rest, body: typeof body === "string" ? body : Buffer.concat(body).toString("latin1") }
  }

  it("writes answers as they would be written without, whatever the one before was", () => {
    const other: ReadonlyArray<Partial<InferenceResponse>> = [
      {},
      { id: "other" },
      { modelName: "other" },
      { modelVersion: "2" },
      { parameters: new Map([["key", 1]]) },
      { outputs: [] },
      { outputs: [{ name: "Y", datatype: "UINT8", shape: [2, 1], data: Uint8Array.of(1, 2) }] },
      { outputs: [{ name: "Y", datatype: "INT8", shape: [1, 2], data: Uint8Array.of(1, 2) }] },
      { outputs: [{ name: "Y", datatype: "UINT8", shape: [1, 3], data: Uint8Array.of(1, 2, 3) }] },
      { outputs: [{ name: "Y", datatype: "BYTES", shape: [1, 2], data: Uint8Array.of(1, 0, 0, 0, 65, 0, 0, 0, 0) }] },
      { outputs: [{ name: "Z", datatype: "UINT8", shape: [1, 2], data: Uint8Array.of(1, 2) }] },
      { outputs: [{ name: "Y", datatype: "UINT8", shape: [40_000], data: new Uint8Array(40_000) }] }
    ]
    for (const first of other) {
      const decoded = known()
      for (const second of other) {
        for (const changes of [first, first, second, second]) {
          const plain = { ...decoded, answer: undefined }
          assert.deepStrictEqual(answer(response(changes), decoded), answer(response(changes), plain))
        }
      }
    }
  })

  it("does not send the tensors of an earlier answer", () => {
    const decoded = known()
    answer(response(), decoded)
    const later = response({ outputs: [{ ...response().outputs[0]!, data: Uint8Array.of(1, 2) }] })
    assert.isTrue(answer(later, decoded).body.endsWith("\u0001\u0002"))
    assert.isTrue(answer(response(), decoded).body.endsWith("\u0007\u0008"))
  })
})
