import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { toRequest } from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequest.ts"
import * as InferRequestReader from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequestReader.ts"
import { WireProblem } from "../../../src/schema/proto/WireProblem.ts"
import * as Messages from "./Messages.ts"

type Contents = NonNullable<NonNullable<Messages.Request["inputs"]>[number]["contents"]>

const dataOf = (bytes: Uint8Array): Uint8Array =>
  toRequest(InferRequestReader.read(bytes), {
    allocate: (byteLength) => new Uint8Array(byteLength).fill(0xee),
    forward: undefined,
    metadata: [],
    deadlineMicros: 0,
    inRegion: () => assert.fail("no tensor lies in shared memory")
  }).inputs[0]!.data

const encoded = (datatype: string, contents: Contents): Uint8Array =>
  dataOf(Messages.request({ inputs: [{ name: "X", datatype, shape: [1], contents }] }))

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const int32 = fc.integer()
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff })
const list = <A>(item: fc.Arbitrary<A>) => fc.array(item, { maxLength: 300 })

/** A message of one input with the given bytes as `contents`. */
const handmade = (datatype: string, ...contents: ReadonlyArray<ReadonlyArray<number>>): Uint8Array => {
  const fields = contents.flatMap((bytes) => [42, bytes.length, ...bytes])
  const input = [18, datatype.length, ...Buffer.from(datatype), ...fields]
  return Uint8Array.from([42, input.length, ...input])
}

describe("Typed contents", () => {
  it("of integers become elements of their width, by their lower bits", () => {
    fc.assert(fc.property(list(int32), (values) => {
      const contents = { int_contents: values }
      assert.deepStrictEqual(encoded("INT8", contents), bytesOf(Int8Array.from(values)))
      assert.deepStrictEqual(encoded("INT16", contents), bytesOf(Int16Array.from(values)))
      assert.deepStrictEqual(encoded("INT32", contents), bytesOf(Int32Array.from(values)))
    }))
    fc.assert(fc.property(list(uint32), (values) => {
      const contents = { uint_contents: values }
      assert.deepStrictEqual(encoded("UINT8", contents), bytesOf(Uint8Array.from(values)))
      assert.deepStrictEqual(encoded("UINT16", contents), bytesOf(Uint16Array.from(values)))
      assert.deepStrictEqual(encoded("UINT32", contents), bytesOf(Uint32Array.from(values)))
    }))
  })

  it("of 64-bit integers are exact", () => {
    fc.assert(fc.property(list(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (values) => {
      assert.deepStrictEqual(encoded("INT64", { int64_contents: values }), bytesOf(BigInt64Array.from(values)))
      const unsigned = values.map((value) => BigInt.asUintN(64, value))
      assert.deepStrictEqual(encoded("UINT64", { uint64_contents: unsigned }), bytesOf(BigUint64Array.from(unsigned)))
    }))
  })

  it("of floats are exact", () => {
    fc.assert(fc.property(list(fc.float()), list(fc.double()), (singles, doubles) => {
      assert.deepStrictEqual(encoded("FP32", { fp32_contents: singles }), bytesOf(Float32Array.from(singles)))
      assert.deepStrictEqual(encoded("FP64", { fp64_contents: doubles }), bytesOf(Float64Array.from(doubles)))
    }))
  })

  it("of bools become bytes of 0 and 1", () => {
    assert.deepStrictEqual(encoded("BOOL", { bool_contents: [true, false, true] }), Uint8Array.of(1, 0, 1))
    assert.deepStrictEqual(dataOf(handmade("BOOL", [10, 4, 5, 0, 0x80, 2])), Uint8Array.of(1, 0, 1))
  })

  it("of strings get their lengths before them", () => {
    fc.assert(fc.property(list(fc.uint8Array({ maxLength: 400 })), (values) => {
      const expected = values.flatMap((value) => {
        const length = Buffer.alloc(4)
        length.writeUInt32LE(value.length)
        return [length, value]
      })
      assert.deepStrictEqual(
        Buffer.from(encoded("BYTES", { bytes_contents: values })),
        Buffer.concat(expected)
      )
    }))
  })

  it("may be packed, unpacked, both, and come in pieces", () => {
    assert.deepStrictEqual(
      dataOf(handmade("INT8", [16, 1, 18, 2, 2, 3], [], [16, 4, 255, 1, 7, 18, 1, 5].toSpliced(2, 3))),
      Uint8Array.of(1, 2, 3, 4, 5)
    )
    assert.deepStrictEqual(
      dataOf(handmade("FP32", [53, 0, 0, 128, 63, 50, 8, 0, 0, 0, 64, 0, 0, 64, 64])),
      bytesOf(Float32Array.of(1, 2, 3))
    )
  })

  it("skip fields that are no list, or of another wire type", () => {
    // Field 9, and field 6 as a varint.
    assert.deepStrictEqual(
      dataOf(handmade("FP32", [74, 1, 7, 48, 9, 53, 0, 0, 128, 63])),
      bytesOf(Float32Array.of(1))
    )
  })

  it("that are empty are no bytes, and need no raw contents", () => {
    assert.deepStrictEqual(encoded("FP32", {}), new Uint8Array(0))
    assert.deepStrictEqual(encoded("BYTES", { fp32_contents: [] }), new Uint8Array(0))
  })

  for (
    const [what, contents] of [
      ["a number that does not end", [18, 2, 1, 0x80]],
      ["a number of more than ten bytes", [26, 11, ...Array.from({ length: 10 }, () => 0x80), 1]],
      ["a packed float that ends early", [50, 3, 0, 0, 0]],
      ["a list longer than its message", [50, 9, 0]]
    ] as const
  ) {
    it(`with ${what} are malformed`, () => {
      try {
        InferRequestReader.read(handmade("FP32", contents))
      } catch (thrown) {
        return assert.instanceOf(thrown, WireProblem)
      }
      assert.fail("it was read")
    })
  }
})
