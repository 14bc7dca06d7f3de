import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Zlib from "node:zlib"
import * as Compression from "../../../src/layers/frontend/internal/infer/Compression.ts"

const refusal = (body: Uint8Array, limit = 1 << 20) =>
  Effect.flip(Compression.decompress(body, limit)).pipe(Effect.map((error) => error.message))

const noise = (length: number) => Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255)

describe("Compression", () => {
  it("takes the highest weight, and the first of equals", () => {
    const cases: ReadonlyArray<readonly [string | undefined, string | undefined]> = [
      [undefined, undefined],
      ["", undefined],
      ["gzip", "gzip"],
      ["deflate", "deflate"],
      ["gzip, deflate", "gzip"],
      ["deflate, gzip", "deflate"],
      ["gzip;q=0.5, deflate;q=0.8", "deflate"],
      ["gzip;q=0.5,deflate; q=0.5", "gzip"],
      ["identity, gzip", undefined],
      ["identity;q=0.5, gzip", "gzip"],
      ["gzip;q=0", undefined],
      ["gzip;q=x, deflate;q=0.1", "deflate"],
      ["br, *", undefined],
      ["GZIP", undefined],
      ["br;q=1.0, gzip;q=0.2", "gzip"]
    ]
    for (const [header, coding] of cases) assert.strictEqual(Compression.negotiate(header), coding, header)
  })

  it("knows gzip, deflate and identity", () => {
    for (const coding of ["gzip", "deflate"]) assert.isTrue(Result.getOrThrow(Compression.isCompressed(coding)))
    for (const coding of [undefined, "", "identity"]) {
      assert.isFalse(Result.getOrThrow(Compression.isCompressed(coding)))
    }
    for (const coding of ["br", "GZIP", "gzip, deflate"]) {
      const error = Result.getOrThrow(Result.flip(Compression.isCompressed(coding)))
      assert.strictEqual(error.message, "Unsupported compression type")
      assert.strictEqual(error.code, "UNSUPPORTED")
    }
  })

  it.effect("reads both codings, small and large", () =>
    Effect.gen(function*() {
      for (const body of [Buffer.from("{}"), noise(5000), noise(600000), new Uint8Array(600000), new Uint8Array(0)]) {
        for (const packed of [Zlib.gzipSync(body), Zlib.deflateSync(body), Zlib.gzipSync(body, { level: 0 })]) {
          assert.isTrue(Buffer.from(body).equals(yield* Compression.decompress(packed, 600000)))
        }
      }
    }))

  it.effect("reads a body in shared memory", () =>
    Effect.gen(function*() {
      for (const size of [100, 100000]) {
        const packed = Zlib.gzipSync(noise(size))
        const shared = new Uint8Array(new SharedArrayBuffer(packed.length))
        shared.set(packed)
        assert.isTrue(Buffer.from(noise(size)).equals(yield* Compression.decompress(shared, size)))
      }
    }))

  it.effect("stops at the limit", () =>
    Effect.gen(function*() {
      const text = (limit: number) =>
        `Decompressed data size exceeds the maximum allowed value of ${limit} bytes. Use --http-max-input-size to increase the limit.`
      for (
        const bomb of [
          Zlib.gzipSync(new Uint8Array(2e7)),
          Zlib.deflateSync(new Uint8Array(2e6)),
          Zlib.gzipSync(noise(2000))
        ]
      ) {
        for (const limit of [1999, 1000, 1]) assert.strictEqual(yield* refusal(bomb, limit), text(limit))
      }
      assert.strictEqual(yield* refusal(Zlib.gzipSync(new Uint8Array(2e7)), 1 << 20), text(1 << 20))
      assert.strictEqual((yield* Compression.decompress(Zlib.gzipSync(noise(2000)), 2000)).length, 2000)
    }))

  it.effect("refuses what is empty, corrupt, cut off or followed by junk", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refusal(new Uint8Array(0)), "nothing to be decompressed")
      const start = "failed to decompress the request body: "
      assert.isTrue(
        (yield* refusal(Buffer.from("plainly not compressed"))).startsWith(`${start}incorrect header check`)
      )
      for (const size of [100, 50000]) {
        for (const packed of [Zlib.gzipSync(noise(size)), Zlib.deflateSync(noise(size))]) {
          assert.isTrue(
            (yield* refusal(packed.subarray(0, packed.length - 3))).startsWith(`${start}the data ends too early`)
          )
          // Behind a gzip member, bytes other than zeros are read as the next member.
          const zeros = yield* refusal(Buffer.concat([packed, new Uint8Array(5)]))
          assert.strictEqual(zeros, `${start}5 bytes follow the end of the compressed data`)
          assert.isTrue((yield* refusal(Buffer.concat([packed, Buffer.from("junk!")]))).startsWith(start))
          const corrupt = Buffer.from(packed)
          corrupt[corrupt.length - 2]! ^= 0xff
          assert.isTrue((yield* refusal(corrupt)).startsWith(start))
        }
      }
    }))

  it.effect("compresses answers of any size", () =>
    Effect.gen(function*() {
      for (const parts of [[Buffer.from("{}")], [Buffer.from("{}"), noise(100)], [Buffer.from("{}"), noise(100000)]]) {
        const whole = Buffer.concat(parts)
        assert.isTrue(whole.equals(Zlib.gunzipSync(yield* Compression.compress("gzip", parts))))
        assert.isTrue(whole.equals(Zlib.inflateSync(yield* Compression.compress("deflate", parts))))
      }
    }))
})
