import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { entryType, enumeration, message } from "../../../src/schema/proto/Descriptor.ts"
import { DescriptorProto } from "../../../src/schema/proto/DescriptorFields.ts"
import { InferenceService } from "../../../src/schema/proto/InferenceService.ts"
import { ModelInferRequest, ModelStreamInferResponse } from "../../../src/schema/proto/InferFields.ts"
import { ModelConfigMessage } from "../../../src/schema/proto/ModelConfigFields.ts"
import { decode, encode, encodeParts } from "../../../src/schema/proto/WireFormat.ts"
import { anyMessage } from "./ConfigArbitrary.ts"

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const Inner = message("t.Inner", [
  { name: "a", number: 1, kind: "int32" },
  { name: "list", number: 2, kind: "string", label: "repeated" }
])

const All = message("t.All", [
  { name: "text", number: 1, kind: "string" },
  { name: "raw", number: 2, kind: "bytes" },
  { name: "flag", number: 3, kind: "bool" },
  { name: "i32", number: 4, kind: "int32" },
  { name: "u32", number: 5, kind: "uint32" },
  { name: "i64", number: 6, kind: "int64" },
  { name: "u64", number: 7, kind: "uint64" },
  { name: "small", number: 8, kind: "int64", as: "number" },
  { name: "size", number: 9, kind: "uint64", as: "number" },
  { name: "f", number: 10, kind: "float" },
  { name: "d", number: 11, kind: "double" },
  { name: "e", number: 12, kind: "enum", type: enumeration("t.E", { ZERO: 0, ONE: 1 }) },
  { name: "inner", number: 13, kind: "message", type: Inner },
  { name: "left", number: 14, kind: "string", oneof: "side" },
  { name: "right", number: 15, kind: "message", type: Inner, oneof: "side" },
  { name: "numbers", number: 16, kind: "int32", label: "repeated" },
  { name: "levels", number: 17, kind: "message", label: "map", key: "uint64", type: Inner },
  { name: "maybe", number: 18, kind: "int32", optional: true },
  { name: "far", number: 1000, kind: "uint32" }
])

const read = (text: string) => Result.getOrThrow(decode(All, hex(text)))
const refusal = (text: string): string => Result.getOrThrow(Result.flip(decode(All, hex(text)))).message

describe("decode", () => {
  it("gives defaults for an empty message", () => {
    assert.deepStrictEqual(read(""), {
      text: "",
      raw: new Uint8Array(0),
      flag: false,
      i32: 0,
      u32: 0,
      i64: 0n,
      u64: 0n,
      small: 0,
      size: 0,
      f: 0,
      d: 0,
      e: "ZERO",
      inner: undefined,
      left: undefined,
      right: undefined,
      numbers: [],
      levels: {},
      maybe: undefined,
      far: 0
    })
  })

  it("reads integers of 64 bits exactly", () => {
    assert.strictEqual(read("30 ffffffffffffffffff01").i64, -1n)
    assert.strictEqual(read("30 80808080808080808001").i64, -(2n ** 63n))
    assert.strictEqual(read("38 ffffffffffffffffff01").u64, 2n ** 64n - 1n)
    assert.strictEqual(read("38 8180808010").u64, 2n ** 32n + 1n)
    assert.strictEqual(read("40 ffffffffffffffffff01").small, -1)
    assert.strictEqual(read("40 ffffffffffffff0f").small, 2 ** 53 - 1)
    assert.strictEqual(refusal("40 8080808080808010"), "Unable to parse t.All: an integer beyond 2^53 (at byte 1)")
    assert.strictEqual(refusal("48 ffffffffffffffffff01"), "Unable to parse t.All: an integer beyond 2^53 (at byte 1)")
  })

  it("keeps the lower 32 bits of a longer number, and any bit of a bool", () => {
    assert.strictEqual(read("20 ffffffffffffffffff01").i32, -1)
    assert.strictEqual(read("28 ffffffffffffffffff01").u32, 2 ** 32 - 1)
    assert.strictEqual(read("28 8180808010").u32, 1)
    assert.strictEqual(read("18 8080808010").flag, true)
    assert.strictEqual(read("18 8000").flag, false)
  })

  it("takes the last of several values", () => {
    assert.strictEqual(read("0a0161 0a0162").text, "b")
    assert.strictEqual(read("2001 2000").i32, 0)
  })

  it("merges a message that comes twice", () => {
    assert.deepStrictEqual(read("6a05 0801 120178 6a05 0802 120179").inner, { a: 2, list: ["x", "y"] })
  })

  it("keeps one member of a oneof, the last", () => {
    assert.deepInclude(read("720161 7a020801"), { left: undefined, right: { a: 1, list: [] } })
    assert.deepInclude(read("7a020801 720161"), { left: "a", right: undefined })
    assert.deepInclude(read("7a020801 720161 7a0312017a"), { left: undefined, right: { a: 0, list: ["z"] } })
  })

  it("tells an optional default from an absent one", () => {
    assert.strictEqual(read("900100").maybe, 0)
    assert.isUndefined(read("").maybe)
    assert.strictEqual(toHex(encode(All, { maybe: 0 })), "900100")
  })

  it("reads lists packed, not packed, and both", () => {
    assert.deepStrictEqual(read("82010301 8001").numbers, [1, 128])
    assert.deepStrictEqual(read("800101 800102").numbers, [1, 2])
    assert.deepStrictEqual(read("800101 82010202 03 800104").numbers, [1, 2, 3, 4])
    assert.deepStrictEqual(read("820100").numbers, [])
  })

  it("reads maps: the last of a key counts, missing parts are defaults, unknown parts are skipped", () => {
    assert.deepStrictEqual(read("8a01060801 12020801 8a01060801 12020802").levels, { "1": { a: 2, list: [] } })
    assert.deepStrictEqual(read("8a0100").levels, { "0": { a: 0, list: [] } })
    assert.deepStrictEqual(read("8a010a 1801 12020803 08ff01 08ff01".replace("8a010a", "8a010c")).levels, {
      "255": { a: 3, list: [] }
    })
    const { parameters } = Result.getOrThrow(decode(ModelInferRequest, hex("220f 0a095f5f70726f746f5f5f 12020801")))
    assert.deepStrictEqual(Object.keys(parameters), ["__proto__"])
    assert.deepStrictEqual(Object.getOwnPropertyDescriptor(parameters, "__proto__")!.value, {
      bool_param: true,
      int64_param: undefined,
      string_param: undefined,
      double_param: undefined,
      uint64_param: undefined
    })
  })

  it("keeps unknown enum numbers as numbers", () => {
    assert.strictEqual(read("6001").e, "ONE")
    assert.strictEqual(read("6007").e, 7)
    assert.strictEqual(read("60ffffffffffffffffff01").e, -1)
  })

  it("skips unknown fields of every wire type, groups in groups too, and known ones of another wire type", () => {
    const skipped =
      "98f10107 99f1010102030405060708 9af101020102 9df10101020304 9bf101 0801 9bf101 0a0161 9cf101 9cf101"
    assert.deepStrictEqual(read(`${skipped} 2005`).i32, 5)
    assert.deepStrictEqual(read("0d01020304 21 0102030405060708 2005"), read("2005"))
  })

  it("views bytes in the input", () => {
    const input = hex("1203 010203")
    const { raw } = Result.getOrThrow(decode(All, input))
    assert.deepStrictEqual([...raw], [1, 2, 3])
    assert.strictEqual(raw.buffer, input.buffer)
    assert.strictEqual(raw.byteOffset, input.byteOffset + 2)
  })

  it("reads strings of every length, ASCII or not, from memory shared or not", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.boolean(), (text, shared) => {
      const bytes = encode(All, { text })
      const input = shared ? new Uint8Array(new SharedArrayBuffer(bytes.length)) : new Uint8Array(bytes.length)
      input.set(bytes)
      assert.strictEqual(Result.getOrThrow(decode(All, input)).text, text)
    }))
    const long = "x".repeat(100_000)
    assert.strictEqual(Result.getOrThrow(decode(All, encode(All, { text: long }))).text, long)
  })
})

describe("strings", () => {
  it("are told apart by their length, also where they share a place in the table of known ones", () => {
    const decoded = (text: string): string => Result.getOrThrow(decode(All, encode(All, { text }))).text
    for (let i = 0; i < 200; i++) {
      const short = `name${i}`
      for (let code = 32; code < 127; code++) {
        const long = short + String.fromCharCode(code)
        assert.strictEqual(decoded(long), long)
        assert.strictEqual(decoded(short), short)
      }
    }
  })
})

describe("decode of broken bytes", () => {
  it("says what is wrong and where", () => {
    assert.strictEqual(refusal("0a"), "Unable to parse t.All: the bytes end inside a number (at byte 1)")
    assert.strictEqual(refusal("0a05 61"), "Unable to parse t.All: a field of 5 bytes runs past the end (at byte 1)")
    assert.strictEqual(
      refusal("12ffffffffffffffffff01"),
      "Unable to parse t.All: a field of 18446744073709552000 bytes runs past the end (at byte 1)"
    )
    assert.strictEqual(refusal("0a01ff"), "Unable to parse t.All: a string that is not UTF-8 (at byte 2)")
    assert.strictEqual(refusal("0a03eda080"), "Unable to parse t.All: a string that is not UTF-8 (at byte 2)")
    assert.strictEqual(
      refusal("20ffffffffffffffffffff01"),
      "Unable to parse t.All: a number of more than 10 bytes (at byte 1)"
    )
    assert.strictEqual(refusal("0001"), "Unable to parse t.All: field number 0 (at byte 0)")
    assert.strictEqual(refusal("800001"), "Unable to parse t.All: field number 0 (at byte 0)")
    assert.strictEqual(refusal("ffffffff1f"), "Unable to parse t.All: field number out of range (at byte 0)")
    assert.strictEqual(refusal("5500"), "Unable to parse t.All: the bytes end inside a number (at byte 1)")
    assert.strictEqual(
      refusal("0c"),
      "Unable to parse t.All: the end of a group that did not begin (at byte 1)"
    )
    assert.strictEqual(refusal("0e"), "Unable to parse t.All: unknown wire type (at byte 1)")
    assert.strictEqual(refusal("0b 14"), "Unable to parse t.All: the end of a group that did not begin (at byte 2)")
    assert.strictEqual(refusal("0b 0801"), "Unable to parse t.All: the bytes end inside a group (at byte 3)")
    // A number may not run past the message that it is in.
    assert.strictEqual(refusal("6a0108 01"), "Unable to parse t.All: the bytes end inside a number (at byte 3)")
  })

  it("takes a field number in up to five bytes", () => {
    assert.strictEqual(read("a0808080000a").i32, 10)
    assert.strictEqual(refusal("a080808080000a"), "Unable to parse t.All: field number out of range (at byte 0)")
  })

  it("bounds nesting", () => {
    const nested = (levels: number): Uint8Array => {
      let bytes: Uint8Array = new Uint8Array(0)
      for (let i = 0; i < levels; i++) {
        bytes = encode(message("t.Level", [{ name: "nested_type", number: 3, kind: "bytes", optional: true }]), {
          nested_type: bytes
        })
      }
      return bytes
    }
    assert.isTrue(Result.isSuccess(decode(DescriptorProto, nested(100))))
    assert.strictEqual(
      Result.getOrThrow(Result.flip(decode(DescriptorProto, nested(101)))).detail,
      "nested deeper than 100 levels"
    )
    assert.strictEqual(
      refusal("0b".repeat(100_000)),
      "Unable to parse t.All: nested deeper than 100 levels (at byte 101)"
    )
    assert.deepStrictEqual(read(`${"0b".repeat(100)}${"0c".repeat(100)}2005`), read("2005"))
  })

  it("forgets a failed message", () => {
    refusal("0b0b6a02")
    assert.deepStrictEqual(read("2005"), read("2005"))
    assert.throws(() => encode(All, { inner: { a: 1.5 } }), "t.Inner.a: 1.5 is no int32")
    assert.strictEqual(toHex(encode(All, { i32: 5 })), "2005")
  })

  it("fails or succeeds, but never throws, whatever the bytes", () => {
    const types = [All, ...InferenceService.rpcs.flatMap((rpc) => [rpc.request, rpc.response])]
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 80 }), (type, bytes) => {
        assert.isTrue(Result.isResult(decode(type, bytes)))
      }),
      { numRuns: 2000 }
    )
  })

  it("fails or succeeds, but never throws, for any prefix and any damaged byte of a message", () => {
    fc.assert(
      fc.property(anyMessage(ModelInferRequest), fc.nat(), fc.nat(255), (request, at, byte) => {
        const bytes = encode(ModelInferRequest, request)
        for (let length = 0; length < bytes.length; length++) {
          const result = decode(ModelInferRequest, bytes.subarray(0, length))
          if (Result.isFailure(result)) assert.isAtMost(result.failure.offset, length)
        }
        if (bytes.length === 0) return
        const damaged = bytes.slice()
        damaged[at % bytes.length] = byte
        assert.isTrue(Result.isResult(decode(ModelInferRequest, damaged)))
      }),
      { numRuns: 100 }
    )
  })
})

describe("encode", () => {
  it("leaves defaults out, but not a negative zero", () => {
    assert.strictEqual(encode(All, read("")).length, 0)
    assert.strictEqual(toHex(encode(All, { f: -0, d: -0 })), "5500000080590000000000000080")
    assert.strictEqual(toHex(encode(All, { left: "" })), "7200")
    assert.strictEqual(toHex(encode(All, { inner: {} })), "6a00")
    assert.strictEqual(toHex(encode(All, { e: 0 })), "")
  })

  it("packs lists of numbers", () => {
    assert.strictEqual(toHex(encode(All, { numbers: [1, 128, -1] })), "82010d018001ffffffffffffffffff01")
  })

  it("writes fields in the order of their numbers", () => {
    assert.strictEqual(toHex(encode(All, { far: 1, text: "a" })), "0a0161c03e01")
  })

  it("refuses numbers that a field cannot hold", () => {
    assert.throws(() => encode(All, { i32: 2 ** 31 }), "t.All.i32: 2147483648 is no int32")
    assert.throws(() => encode(All, { u32: -1 }), "t.All.u32: -1 is no uint32")
    assert.throws(() => encode(All, { i64: 2n ** 63n }), "t.All.i64: 9223372036854775808 is no int64")
    assert.throws(() => encode(All, { u64: -1n }), "t.All.u64: -1 is no uint64")
    assert.throws(() => encode(All, { small: 2 ** 53 }), "t.All.small: 9007199254740992 is no int64 within 2^53")
    assert.throws(() => encode(All, { size: -1 }), "t.All.size: -1 is no uint64 within 2^53")
    assert.throws(() => encode(All, { e: "TWO" as "ONE" }), "t.All.e: TWO is no name of t.E")
    assert.throws(() => encode(All, { e: 0.5 }), "t.All.e: 0.5 is no enum number")
  })

  it("does not copy large bytes, also inside of messages", () => {
    const large = new Uint8Array(5000).fill(7)
    const small = new Uint8Array(10).fill(9)
    const value = {
      error_message: "e",
      infer_response: { id: "x".repeat(200), raw_output_contents: [large, small, large, large] }
    }
    const { byteLength, parts } = encodeParts(ModelStreamInferResponse, value)
    assert.strictEqual(parts.filter((part) => part === large).length, 3)
    const whole = Buffer.concat(parts)
    assert.strictEqual(whole.length, byteLength)
    assert.deepStrictEqual(Uint8Array.from(whole), encode(ModelStreamInferResponse, value))
    const back = Result.getOrThrow(decode(ModelStreamInferResponse, whole)).infer_response!
    assert.deepStrictEqual(back.raw_output_contents.map((bytes) => bytes.length), [5000, 10, 5000, 5000])
    assert.strictEqual(back.id, value.infer_response.id)
  })

  it("keeps large bytes in their places when the rest outgrows its memory", () => {
    // Something in front, so that the message does not begin where its memory does.
    encode(All, { text: "before" })
    const large = new Uint8Array(5000).fill(7)
    const value = {
      error_message: "x".repeat(1000),
      infer_response: {
        outputs: Array.from({ length: 300 }, (_, i) => ({ name: "n".repeat(i) })),
        raw_output_contents: [large, new Uint8Array(4000).fill(8), large, new Uint8Array(3000).fill(9)]
      }
    }
    for (let i = 0; i < 20; i++) {
      const back = Result.getOrThrow(decode(ModelStreamInferResponse, encode(ModelStreamInferResponse, value)))
      assert.deepStrictEqual(back.infer_response!.raw_output_contents, value.infer_response.raw_output_contents)
      assert.strictEqual(back.infer_response!.outputs.length, 300)
    }
    const mixed = { raw_input_contents: [large, ...Array.from({ length: 30 }, () => new Uint8Array(4000)), large] }
    for (let i = 0; i < 5; i++) {
      encode(All, { text: "before" })
      const back = Result.getOrThrow(decode(ModelInferRequest, encode(ModelInferRequest, mixed)))
      assert.deepStrictEqual(back.raw_input_contents, mixed.raw_input_contents)
    }
  })

  it("gives bytes that later messages do not change", () => {
    const first = encode(All, { text: "first" })
    const before = toHex(first)
    for (let i = 0; i < 5000; i++) encode(All, { text: `${i}`.repeat(i % 50) })
    assert.strictEqual(toHex(first), before)
  })
})

describe("decode after encode", () => {
  it("gives the same message, for every message of the service", () => {
    const types = InferenceService.rpcs.flatMap((rpc) => [rpc.request, rpc.response])
    for (const type of [...types, ModelConfigMessage, All]) {
      fc.assert(
        fc.property(anyMessage(type), (value) => {
          assert.deepStrictEqual(Result.getOrThrow(decode(type, encode(type, value))), value)
        }),
        { numRuns: 30 }
      )
    }
  })

  it("gives the same message across all boundaries of lengths", () => {
    for (const length of [0, 1, 127, 128, 129, 16_382, 16_383, 16_384, 16_385, 2_097_151, 2_097_152, 2_097_153]) {
      for (const outer of [0, 1, 100, 16_000]) {
        const value = { text: "o".repeat(outer), inner: { list: ["i".repeat(length)] }, f: 1.5, d: 2.5 }
        const back = Result.getOrThrow(decode(All, encode(All, value)))
        assert.strictEqual(back.text, value.text)
        assert.strictEqual(back.inner!.list[0], value.inner.list[0])
        assert.deepStrictEqual([back.f, back.d], [1.5, 2.5])
      }
    }
  })

  it("reads an entry of a map as the message that it is", () => {
    const entry = entryType(All, All.byName.get("levels")!)
    assert.strictEqual(
      toHex(encode(All, { levels: { "18446744073709551615": { a: 1 } } })),
      `8a010f${toHex(encode(entry, { key: 2n ** 64n - 1n, value: { a: 1 } } as never))}`
    )
  })
})
