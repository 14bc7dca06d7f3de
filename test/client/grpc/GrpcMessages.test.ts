import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { compress, decompress, framed, MessageSplitter } from "../../../src/client/grpc/GrpcMessages.ts"

interface Cut {
  readonly messages: ReadonlyArray<Uint8Array>
  readonly compressed: ReadonlyArray<boolean>
  readonly problems: ReadonlyArray<string>
  readonly within: boolean
}

const cut = (chunks: ReadonlyArray<Uint8Array>, maxMessageBytes = 2 ** 31 - 1): Cut => {
  const messages: Array<Uint8Array> = []
  const compressed: Array<boolean> = []
  const problems: Array<string> = []
  const splitter = new MessageSplitter(maxMessageBytes, {
    onMessage: (bytes, isCompressed) => {
      messages.push(bytes)
      compressed.push(isCompressed)
    },
    onProblem: (problem, bytes) => problems.push(`${problem} ${bytes}`)
  })
  for (const chunk of chunks) splitter.push(chunk)
  return { messages, compressed, problems, within: splitter.within }
}

const whole = (messages: ReadonlyArray<Uint8Array>, compressed = false): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      messages.flatMap((bytes) => framed({ parts: [bytes], byteLength: bytes.length }, compressed))
    )
  )

const message = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 250, max: 260 }).map((length) => new Uint8Array(length).fill(length)),
  fc.integer({ min: 4090, max: 70_000 }).map((length) => new Uint8Array(length).fill(length))
)

describe("MessageSplitter", () => {
  it("finds the messages however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 30 }),
        (messages, compressed, sizes) => {
          const bytes = whole(messages, compressed)
          const chunks: Array<Uint8Array> = []
          let at = 0
          for (let i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length]!
            chunks.push(bytes.subarray(at, at + size))
            at += size
          }
          const found = cut(chunks)
          assert.deepStrictEqual(found.messages.map((one) => Buffer.from(one)), messages.map((one) => Buffer.from(one)))
          assert.isTrue(found.compressed.every((one) => one === compressed))
          assert.isFalse(found.within)
        }
      )
    )
  })

  it("finds them byte by byte, and knows when one is not whole", () => {
    const bytes = whole([Uint8Array.of(1), new Uint8Array(0), new Uint8Array(300).fill(3)])
    for (let length = 0; length <= bytes.length; length++) {
      const found = cut(Array.from(bytes.subarray(0, length), (byte) => Uint8Array.of(byte)))
      const ends = [0, 6, 11, bytes.length]
      assert.strictEqual(found.messages.length, ends.findLastIndex((end) => end <= length), String(length))
      assert.strictEqual(found.within, !ends.includes(length), String(length))
    }
  })

  it("ends larger messages on a multiple of 8 bytes", () => {
    for (let length = 256; length < 300; length++) {
      const [found] = cut([whole([new Uint8Array(length)])]).messages
      assert.strictEqual((found!.byteOffset + found!.byteLength) % 8, 0)
    }
  })

  it("stops at what is no message, before it takes memory for it", () => {
    assert.deepStrictEqual(cut([Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0)]).problems, ["prefix 2"])
    assert.deepStrictEqual(cut([Uint8Array.of(0, 255, 255, 255, 255)]).problems, ["size 4294967295"])
    const found = cut([Uint8Array.of(0, 0, 0, 0, 11, 0, 0, 0, 0, 0)], 10)
    assert.deepStrictEqual([found.problems, found.messages], [["size 11"], []])
  })
})

describe("compression", () => {
  it.effect("gives back what it took, and no more than is allowed", () =>
    Effect.promise(async () => {
      const bytes = new Uint8Array(100_000).map((_, i) => i % 7)
      for (const coding of ["gzip", "deflate"] as const) {
        const small = await compress(coding, {
          parts: [bytes.subarray(0, 10), bytes.subarray(10)],
          byteLength: 100_000
        })
        assert.isBelow(small.byteLength, 10_000)
        const [packed] = small.parts
        assert.deepStrictEqual(Buffer.from(await decompress(coding, packed!, 100_000)), Buffer.from(bytes))
        const refusal = await decompress(coding, packed!, 99_999).then(() => undefined, (error: unknown) => error)
        assert.strictEqual((refusal as NodeJS.ErrnoException).code, "ERR_BUFFER_TOO_LARGE")
      }
    }))
})
