import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import {
  allocate,
  maxRecordOf,
  RingReader,
  RingWriter,
  Word
} from "../../../src/layers/frontend/internal/fronts/Ring.ts"

const capacity = 256

const pair = () => {
  const memory = allocate(capacity)
  return { writer: new RingWriter(memory), reader: new RingReader(memory) }
}

const put = (writer: RingWriter, kind: number, bytes: Uint8Array): boolean => {
  if (!writer.open(kind, bytes.length)) return false
  writer.bytes.set(bytes, writer.at)
  writer.commit()
  return true
}

const contents = (reader: RingReader): Array<number> => [
  ...reader.bytes.subarray(reader.at, reader.at + reader.length)
]

const record = FastCheck.uint8Array({ maxLength: maxRecordOf(capacity) })

describe("Ring", () => {
  it("hands over records as they were written, whatever their lengths and wherever the memory ends", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.oneof(record, FastCheck.constant("read" as const)), { maxLength: 200 }),
        FastCheck.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        (steps, kind) => {
          const { reader, writer } = pair()
          const expected: Array<Uint8Array> = []
          const take = () => {
            if (!reader.next()) return assert.strictEqual(expected.length, 0)
            assert.strictEqual(reader.kind, kind)
            assert.deepStrictEqual(contents(reader), [...expected.shift()!])
            reader.release()
          }
          for (const step of steps) {
            if (step === "read") take()
            else if (put(writer, kind, step)) expected.push(step)
            else assert.isAbove(expected.length, 0, "an empty ring has room")
          }
          while (expected.length > 0) take()
          assert.isFalse(reader.next())
        }
      ),
      { seed: 20261126, numRuns: 300 }
    )
  })

  it("has room again only when records were given back", () => {
    const { reader, writer } = pair()
    const bytes = new Uint8Array(56).fill(7)
    let written = 0
    while (put(writer, 1, bytes)) written++
    assert.strictEqual(written, 4)
    assert.isTrue(reader.next())
    assert.isFalse(put(writer, 1, bytes))
    reader.release()
    assert.isTrue(put(writer, 1, bytes))
    assert.isFalse(put(writer, 1, bytes))
  })

  it("takes the largest record at every place", () => {
    const { reader, writer } = pair()
    for (let length = 0; length <= maxRecordOf(capacity); length++) {
      assert.isTrue(put(writer, 1, new Uint8Array(length)))
      assert.isTrue(reader.next())
      reader.release()
      assert.isTrue(put(writer, 2, new Uint8Array(maxRecordOf(capacity))), `after ${length}`)
      assert.isTrue(reader.next())
      assert.strictEqual(reader.length, maxRecordOf(capacity))
      reader.release()
    }
  })

  it("keeps going when its positions wrap", () => {
    const memory = allocate(capacity)
    const words = new Int32Array(memory)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory)
    // As after almost 2 GiB: whoever counts on is given these.
    const near = 0x7fffffff - 7 & ~(capacity - 1)
    Object.assign(writer, { written: near, read: near })
    Object.assign(reader, { position: near, known: near })
    words[Word.written] = near
    words[Word.read] = near
    for (let i = 0; i < 100; i++) {
      assert.isTrue(put(writer, i, Uint8Array.of(i, i + 1, i + 2)))
      assert.isTrue(reader.next())
      assert.strictEqual(reader.kind, i)
      assert.deepStrictEqual(contents(reader), [i, i + 1, i + 2])
      reader.release()
    }
  })

  it("says once that the writer waits", () => {
    const { reader, writer } = pair()
    put(writer, 1, new Uint8Array(1))
    assert.isTrue(reader.next())
    assert.isFalse(reader.release())
    Atomics.store(writer.words, Word.starved, 1)
    assert.isTrue(reader.release())
    assert.isFalse(reader.release())
  })
})
