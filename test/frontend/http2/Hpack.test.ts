import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { CompressionFault, HpackDecoder } from "../../../src/layers/frontend/internal/http2/HpackDecoder.ts"
import { Fields, HpackEncoder } from "../../../src/layers/frontend/internal/http2/HpackEncoder.ts"
import * as Huffman from "../../../src/layers/frontend/internal/http2/Huffman.ts"

const decode = (decoder: HpackDecoder, hex: string | Uint8Array): ReadonlyArray<string> => {
  const block = typeof hex === "string" ? Buffer.from(hex.replaceAll(" ", ""), "hex") : Buffer.from(hex)
  const fields: Array<string> = []
  decoder.decode(block, 0, block.length, { field: (name, value) => fields.push(name, value) })
  return fields
}

const unhuffman = (hex: string): string | undefined => {
  const coded = Buffer.from(hex, "hex")
  const target = Buffer.alloc(Huffman.decodedBytes(coded.length))
  const length = Huffman.decode(coded, 0, coded.length, target)
  return length === -1 ? undefined : target.toString("latin1", 0, length)
}

describe("Huffman", () => {
  it("decodes the strings of RFC 7541, appendix C", () => {
    assert.strictEqual(unhuffman("f1e3c2e5f23a6ba0ab90f4ff"), "www.example.com")
    assert.strictEqual(unhuffman("a8eb10649cbf"), "no-cache")
    assert.strictEqual(unhuffman("25a849e95ba97d7f"), "custom-key")
    assert.strictEqual(unhuffman("d07abe941054d444a8200595040b8166e082a62d1bff"), "Mon, 21 Oct 2013 20:13:21 GMT")
    assert.strictEqual(
      unhuffman("94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007"),
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
    )
  })

  it("refuses padding that is too long or not of ones, and the end-of-string symbol", () => {
    assert.strictEqual(unhuffman("1f"), "a")
    assert.isUndefined(unhuffman("1fff"))
    assert.isUndefined(unhuffman("18"))
    assert.isUndefined(unhuffman("ffffffff"))
  })
})

describe("HpackDecoder", () => {
  it("reads the requests of RFC 7541, C.3 and C.4, which build on each other", () => {
    const first = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"]
    const third = [
      ":method",
      "GET",
      ":scheme",
      "https",
      ":path",
      "/index.html",
      ":authority",
      "www.example.com",
      "custom-key",
      "custom-value"
    ]
    const plain = new HpackDecoder()
    assert.deepStrictEqual(decode(plain, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"), first)
    assert.deepStrictEqual(decode(plain, "8286 84be 5808 6e6f 2d63 6163 6865"), [...first, "cache-control", "no-cache"])
    assert.deepStrictEqual(
      decode(plain, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"),
      third
    )
    const coded = new HpackDecoder()
    assert.deepStrictEqual(decode(coded, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), first)
    assert.deepStrictEqual(decode(coded, "8286 84be 5886 a8eb 1064 9cbf"), [...first, "cache-control", "no-cache"])
    assert.deepStrictEqual(decode(coded, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"), third)
  })

  it("forgets what no longer fits, as in RFC 7541, C.5", () => {
    const decoder = new HpackDecoder(256)
    decode(
      decoder,
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d " +
        "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"
    )
    assert.deepStrictEqual(decode(decoder, "4803 3330 37c1 c0bf"), [
      ":status",
      "307",
      "cache-control",
      "private",
      "date",
      "Mon, 21 Oct 2013 20:13:21 GMT",
      "location",
      "https://www.example.com"
    ])
    // `:status 302` is gone: the table holds four fields.
    assert.throws(() => decode(decoder, "c2"), CompressionFault)
  })

  it("refuses what breaks the rules of a block", () => {
    for (
      const block of [
        "80",
        "ff00",
        "ffffffffffff7f",
        "7f",
        "400a6375",
        "4101",
        "823f",
        "8220",
        "3fe21f",
        "0082ffff00",
        "00"
      ]
    ) {
      assert.throws(() => decode(new HpackDecoder(), block), CompressionFault, undefined, block)
    }
  })
})

const token = fc.stringMatching(/^[a-z0-9-]{1,20}$/)
const list = fc.array(fc.tuple(token, fc.stringMatching(/^[ -~]{0,40}$/)), { maxLength: 6 })

describe("HpackEncoder", () => {
  it("is understood by the decoder, whatever is remembered and however the table is resized", () => {
    const frequent = [0, 1, 2].map((n) => new Fields([":status", "200", "content-type", `type/${n}`, "x", "y"], true))
    fc.assert(fc.property(
      fc.array(
        fc.oneof(
          list.map((fields) => ({ fields: new Fields(fields.flat()), size: undefined })),
          fc.nat(2).map((n) => ({ fields: frequent[n]!, size: undefined })),
          fc.tuple(fc.nat(2), fc.nat(5000)).map(([n, size]) => ({ fields: frequent[n]!, size }))
        ),
        { maxLength: 30 }
      ),
      (blocks) => {
        const encoder = new HpackEncoder()
        const decoder = new HpackDecoder()
        for (const { fields, size } of blocks) {
          if (size !== undefined) encoder.resize(size)
          assert.deepStrictEqual(decode(decoder, encoder.encode(fields)), [...fields.list])
        }
      }
    ))
  })

  it("sends frequent fields as their places", () => {
    const encoder = new HpackEncoder()
    const fields = new Fields([":status", "200", "content-type", "application/grpc"], true)
    assert.isAbove(encoder.encode(fields).length, 10)
    assert.strictEqual(encoder.encode(fields).length, 2)
    assert.strictEqual(encoder.encode(fields), encoder.encode(fields))
  })

  it("remembers nothing for a client without a table", () => {
    const encoder = new HpackEncoder()
    encoder.resize(0)
    const fields = new Fields(["grpc-status", "0"], true)
    const first = encoder.encode(fields)
    assert.strictEqual(first[0], 0x20)
    assert.isAbove(encoder.encode(fields).length, 10)
  })
})
