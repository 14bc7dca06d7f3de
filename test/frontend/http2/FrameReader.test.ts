import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { preface } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { FrameReader, type FrameSink } from "../../../src/layers/frontend/internal/http2/FrameReader.ts"

/** What a reader tells, with the pieces of a payload joined. */
class Events implements FrameSink {
  readonly list: Array<string> = []
  private payloadBytes = 0
  private data: Array<Buffer> = []

  badPreface(): void {
    this.list.push("bad preface")
  }
  frame(length: number, type: number, flags: number, stream: number): "data" | "whole" | "skip" {
    this.list.push(`frame ${length} ${type} ${flags} ${stream}`)
    this.payloadBytes = 0
    this.data = []
    return type === 0 ? "data" : type < 8 ? "whole" : "skip"
  }
  payload(bytes: Buffer, start: number, end: number): void {
    this.list.push(`payload ${bytes.toString("hex", start, end)}`)
  }
  dataPart(chunk: Buffer, start: number, end: number): void {
    this.data.push(Buffer.from(chunk.subarray(start, end)))
    this.payloadBytes += end - start
  }
  dataPadding(bytes: number): void {
    this.list.push(`padding ${bytes}`)
  }
  badPadding(): void {
    this.list.push("bad padding")
  }
  dataEnd(): void {
    this.list.push(`data ${Buffer.concat(this.data).toString("hex")}`)
  }
}

interface Sent {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Uint8Array
}

const encode = ({ flags, payload, stream, type }: Sent): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const expected = ({ flags, payload, stream, type }: Sent): ReadonlyArray<string> => {
  const hex = Buffer.from(payload).toString("hex")
  const head = `frame ${payload.length} ${type} ${flags} ${stream & 0x7fffffff}`
  if (type >= 8) return [head]
  if (type > 0) return [head, `payload ${hex}`]
  if ((flags & 8) === 0) return [head, `data ${hex}`]
  const pad = payload[0]!
  return pad >= payload.length
    ? [head, "bad padding"]
    : [head, `padding ${pad + 1}`, `data ${hex.slice(2, hex.length - 2 * pad)}`]
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 10 }),
    flags: fc.constantFrom(0, 1, 4, 8),
    stream: fc.nat(2 ** 32 - 1),
    payload: fc.uint8Array({ maxLength: 40 })
  }).map((frame) =>
    // A padded payload that is no error, most of the time.
    frame.type === 0 && frame.flags === 8
      ? { ...frame, payload: Uint8Array.from([frame.payload.length >> 1, ...frame.payload]) }
      : frame
  ),
  { maxLength: 8 }
)

const read = (bytes: Buffer, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const events = new Events()
  const reader = new FrameReader(events)
  let from = 0
  for (const cut of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    reader.push(Buffer.from(bytes.subarray(from, cut)))
    from = cut
  }
  return events.list
}

describe("FrameReader", () => {
  it("finds the same frames however the bytes are cut", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
        const bytes = Buffer.concat([preface, ...sent.map(encode)])
        assert.deepStrictEqual(read(bytes, cuts), sent.flatMap(expected))
      }),
      { numRuns: 500 }
    )
  })

  it("finds the same frames byte by byte", () => {
    fc.assert(fc.property(frames, (sent) => {
      const bytes = Buffer.concat([preface, ...sent.map(encode)])
      assert.deepStrictEqual(read(bytes, Array.from(bytes, (_, i) => i)), sent.flatMap(expected))
    }))
  })

  it("stops where there is more padding than payload", () => {
    const bytes = Buffer.concat([
      preface,
      encode({ type: 0, flags: 8, stream: 1, payload: Uint8Array.of(1) }),
      encode({ type: 6, flags: 0, stream: 0, payload: new Uint8Array(8) })
    ])
    assert.deepStrictEqual(read(bytes, []), ["frame 1 0 8 1", "bad padding"])
  })

  it("stops at the first byte that is not of the preface", () => {
    for (let at = 0; at < preface.length; at++) {
      const bytes = Buffer.concat([preface, encode({ type: 6, flags: 0, stream: 0, payload: new Uint8Array(8) })])
      bytes[at]! ^= 1
      assert.deepStrictEqual(read(bytes, [at, at + 1]), ["bad preface"])
    }
  })
})
