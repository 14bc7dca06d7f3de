import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Zlib from "node:zlib"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import type { Coding } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import type { Message, MessageSink } from "../../../src/layers/frontend/internal/grpc/Message.ts"
import type { Refusal } from "../../../src/layers/frontend/internal/grpc/MessageCoding.ts"
import { MessageReader } from "../../../src/layers/frontend/internal/grpc/MessageReader.ts"
import type { Stream } from "../../../src/layers/frontend/internal/http2/Stream.ts"

const make = (
  options: { readonly coding?: Coding; readonly maxMessageBytes?: number; readonly eager?: boolean } = {}
) => {
  const memory = SharedTensorMemory.make()
  const seen = { consumed: 0, expected: [] as Array<number>, counted: 0 }
  const events: Array<string | Message> = []
  const stream = {
    consume: (bytes: number) => {
      seen.consumed += bytes
    },
    expect: (bytes: number) => seen.expected.push(bytes),
    keepChunk: () => {}
  } as unknown as Stream
  const sink: MessageSink = {
    takesOne: false,
    admit: (bytes) => {
      seen.counted += bytes
      return undefined
    },
    message: (message) => {
      events.push(message)
      if (options.eager === true) reader.more()
    },
    end: () => events.push("end"),
    refuse: ({ message, status }: Refusal) => events.push(`${status} ${message}`)
  }
  const reader = new MessageReader(stream, {
    memory,
    maxMessageBytes: options.maxMessageBytes ?? 1_000_000,
    coding: options.coding ?? "identity"
  }, sink)
  return { memory, seen, events, reader }
}

const framed = (bytes: Uint8Array, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

/** Pieces of some bytes. */
const cut = (bytes: Buffer, cuts: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return places.slice(1).map((place, i) => Buffer.from(bytes.subarray(places[i], place)))
}

const sizes = fc.array(
  fc.oneof(fc.nat(40), fc.nat(3000), fc.constantFrom(0, 16383, 16384, 16385, 40_000)),
  { maxLength: 8 }
)
const body = (size: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + seed) & 0xff))

describe("MessageReader", () => {
  it("finds the same messages however the bytes are cut and whenever they are asked for", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        fc.boolean(),
        (sizes, cuts, asks, eager) => {
          const { events, memory, reader, seen } = make({ eager })
          const messages = sizes.map((size, i) => body(size, i))
          const bytes = Buffer.concat(messages.map((message) => framed(message)))
          cut(bytes, cuts).forEach((piece, i) => {
            if (asks[i % asks.length]!) reader.more()
            // A chunk has other things before and behind.
            const chunk = Buffer.concat([Buffer.from("before"), piece, Buffer.from("behind")])
            reader.push(chunk, 6, 6 + piece.length)
          })
          reader.end()
          for (let i = 0; i <= messages.length; i++) reader.more()
          assert.strictEqual(events.pop(), "end")
          assert.strictEqual(events.length, messages.length)
          events.forEach((event, i) => {
            const message = event as Message
            assert.isTrue(messages[i]!.equals(message.bytes))
            assert.strictEqual((message.bytes.byteOffset + message.bytes.length) % 8, 0)
            if (sizes[i]! >= 16_384) {
              assert.instanceOf(message.bytes.buffer, SharedArrayBuffer)
              assert.strictEqual((message.bytes.byteOffset + message.bytes.length) % 64, 0)
            }
            message.region?.release()
          })
          assert.strictEqual(seen.consumed, bytes.length)
          assert.strictEqual(memory.usage().inUse, 0)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("gives everything back when it is stopped anywhere", () => {
    fc.assert(fc.property(
      sizes,
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.nat(20),
      fc.nat(3),
      (sizes, cuts, stopAt, wanted) => {
        const { events, memory, reader, seen } = make()
        const bytes = Buffer.concat(sizes.map((size, i) => framed(body(size, i))))
        cut(bytes, cuts).forEach((piece, i) => {
          if (i === stopAt) reader.stop()
          if (i < wanted) reader.more()
          reader.push(piece, 0, piece.length)
        })
        reader.stop()
        for (const event of events) (event as Message).region?.release()
        assert.strictEqual(seen.consumed, bytes.length)
        assert.strictEqual(memory.usage().inUse, 0)
      }
    ))
  })

  it("takes nothing beyond what is asked for", () => {
    const { events, reader, seen } = make()
    const bytes = Buffer.concat([framed(body(10, 0)), framed(body(20, 1))])
    reader.push(bytes, 0, bytes.length)
    assert.deepStrictEqual([events.length, seen.consumed], [0, 0])
    reader.more()
    assert.deepStrictEqual([events.length, seen.consumed], [1, 15])
    reader.more()
    assert.deepStrictEqual([events.length, seen.consumed], [2, 40])
  })

  it("asks for the rest of a message as soon as its prefix is here", () => {
    const { reader, seen } = make()
    const bytes = framed(body(500_000, 0))
    reader.more()
    reader.push(bytes, 0, 105)
    assert.deepStrictEqual(seen.expected, [499_900])
  })

  it("refuses a message that is too large at its prefix", () => {
    const { events, reader, seen } = make({ maxMessageBytes: 100 })
    reader.more()
    const bytes = framed(body(101, 0))
    reader.push(bytes, 0, 60)
    reader.push(bytes, 60, bytes.length)
    assert.deepStrictEqual(events, ["8 Received message larger than max (101 vs. 100)"])
    assert.deepStrictEqual([seen.consumed, seen.counted], [bytes.length, 0])
  })

  it("decompresses messages, aligned and counted as they are", () => {
    const { events, reader, seen } = make({ coding: "gzip", eager: true })
    const plain = body(100, 0)
    const coded = Zlib.gzipSync(body(20_000, 0))
    const bytes = Buffer.concat([framed(Zlib.gzipSync(plain), 1), framed(plain, 0), framed(coded, 1)])
    reader.more()
    reader.push(bytes, 0, bytes.length)
    reader.end()
    assert.strictEqual(events.pop(), "end")
    const messages = events as Array<Message>
    assert.deepStrictEqual(messages.map((message) => message.bytes.length), [100, 100, 20_000])
    assert.instanceOf(messages[2]!.bytes.buffer, SharedArrayBuffer)
    assert.strictEqual(messages[2]!.counted, coded.length + 20_000)
    assert.strictEqual(seen.counted, messages.reduce((sum, message) => sum + message.counted, 0))
  })
})
