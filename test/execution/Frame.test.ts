import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  Batch,
  Frame,
  FrameReader,
  Head,
  headBytes,
  inFrame,
  Kind,
  MalformedFrame
} from "../../src/layers/execution/internal/process/Frame.ts"
import * as Told from "../../src/layers/execution/internal/process/Told.ts"

const written = (fields: ReadonlyArray<number>, inline: Uint8Array, text: Uint8Array, block: Uint8Array) => {
  const frame = new Frame()
  frame.head[Head.kind] = Kind.run
  frame.head[Head.blockAt] = inFrame
  frame.head[Head.block] = Math.ceil(block.byteLength / 64) * 64
  frame.fields = Float64Array.from(fields)
  frame.inline = inline
  frame.text = text
  frame.block = block.byteLength === 0 ? [] : [block]
  return frame
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

describe("Frame", () => {
  it("comes out as it went in, however the stream is cut", () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.array(fc.double({ noNaN: true }), { maxLength: 40 }), bytes(300), bytes(100), bytes(500)), {
        minLength: 1,
        maxLength: 5
      }),
      fc.integer({ min: 1, max: 700 }),
      (frames, cut) => {
        const batch = new Batch()
        for (const parts of frames) written(...parts).append(batch)
        const stream = Uint8Array.from(batch.take())
        assert.isTrue(batch.isEmpty)
        const reader = new FrameReader()
        const seen: Array<unknown> = []
        // One memory for all that comes, as whoever reads from a socket has it.
        const buffer = Buffer.alloc(cut)
        for (let at = 0; at < stream.byteLength; at += cut) {
          const part = stream.subarray(at, at + cut)
          buffer.set(part)
          reader.push(buffer.subarray(0, part.byteLength))
          for (let next = reader.next(); next !== undefined; next = reader.next()) {
            const frame = new Frame()
            frame.read(next)
            seen.push([
              [...frame.fields.subarray(0, frame.head[Head.fields])],
              Uint8Array.from(frame.inline),
              Uint8Array.from(frame.text),
              Uint8Array.from(frame.block[0] ?? [])
            ])
          }
        }
        assert.deepStrictEqual(
          seen,
          frames.map(([fields, inline, text, block]) => {
            const padded = new Uint8Array(Math.ceil(block.byteLength / 64) * 64)
            padded.set(block)
            return [fields, inline, text, padded]
          })
        )
      }
    ))
  })

  it("that nobody writes is refused: lengths that are no lengths, and parts that do not add up", () => {
    for (const length of [0, 8, -1, Number.NaN, Infinity, 2 ** 40, 200.5]) {
      const reader = new FrameReader()
      reader.push(new Uint8Array(Float64Array.of(length, ...new Array<number>(15).fill(0)).buffer))
      assert.throws(() => reader.next(), MalformedFrame)
    }
    for (const index of [Head.fields, Head.inline, Head.text, Head.block]) {
      for (const wrong of [1, -1, 1e9, Number.NaN]) {
        const head = new Float64Array(headBytes / 8)
        head[Head.length] = headBytes
        head[Head.blockAt] = inFrame
        head[index] = wrong
        assert.throws(() => new Frame().read(new Uint8Array(head.buffer)), MalformedFrame)
      }
    }
  })

  it("carries what is told, with whole numbers of any size and maps", () => {
    const told: Told.Beside = { parameters: new Map<string, string | bigint | boolean>([["a", 2n ** 70n], ["b", "x"]]) }
    assert.deepStrictEqual(Told.decode<Told.Beside>(Told.encode(told)), told)
  })

  it("carries names of parameters that mean something here as they are", () => {
    for (const name of ["$bigint", "$map", "$plain"]) {
      const told = { parameters: new Map([["x", { [name]: "abc", other: 2n, inner: { [name]: [["a", "b"]] } }]]) }
      assert.deepStrictEqual(Told.decode<unknown>(Told.encode(told as unknown as Told.Beside)), told)
    }
  })
})
