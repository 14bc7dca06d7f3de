import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Link } from "../../../src/layers/frontend/internal/fronts/Link.ts"
import { allocate, RingReader, RingWriter } from "../../../src/layers/frontend/internal/fronts/Ring.ts"
import { eventually } from "../../integration/http/Wire.ts"

/** Both ends of a link, as if in two threads: a message is a call that comes later. */
const pair = (options: { readonly capacity?: number; readonly expectsMore?: () => boolean } = {}) => {
  const [up, down] = [allocate(options.capacity ?? 1024), allocate(options.capacity ?? 1024)]
  const told = { a: 0, b: 0 }
  const received: { readonly a: Array<string>; readonly b: Array<string> } = { a: [], b: [] }
  const read = (into: Array<string>) => (reader: RingReader) => {
    into.push(`${reader.kind} ${reader.bytes.toString("latin1", reader.at, reader.at + reader.length)}`)
  }
  const a: Link = new Link({
    writer: new RingWriter(up),
    reader: new RingReader(down),
    tell: () => {
      told.b++
      setImmediate(() => b.rung())
    },
    expectsMore: options.expectsMore,
    onRecord: read(received.a)
  })
  const b: Link = new Link({
    writer: new RingWriter(down),
    reader: new RingReader(up),
    tell: () => {
      told.a++
      setImmediate(() => a.rung())
    },
    onRecord: read(received.b)
  })
  return { a, b, told, received }
}

const send = (link: Link, kind: number, text: string) => {
  link.open(kind, text.length)
  link.bytes.write(text, link.at, "latin1")
  link.commit()
}

const arrived = (list: ReadonlyArray<string>, count: number) =>
  eventually(() => list.length, (length) => length === count)

describe("Link", () => {
  it.live("wakes the other end once for all that is written in a turn", () =>
    Effect.gen(function*() {
      const { a, received, told } = pair()
      for (let i = 0; i < 10; i++) send(a, i, `record ${i}`)
      assert.strictEqual(told.b, 0)
      yield* arrived(received.b, 10)
      assert.deepStrictEqual(received.b, Array.from({ length: 10 }, (_, i) => `${i} record ${i}`))
      assert.strictEqual(told.b, 1)
    }))

  it.live("keeps the order of what finds no room, and hands all of it over", () =>
    Effect.gen(function*() {
      const { a, b, received } = pair({ capacity: 256 })
      const texts = Array.from({ length: 2000 }, (_, i) => `${i}`.padStart(1 + i % 90, "x"))
      for (const [i, text] of texts.entries()) send(a, i, text)
      assert.isTrue(a.isFull)
      // Both ways at the same time.
      for (const [i, text] of texts.entries()) send(b, i, text)
      yield* arrived(received.b, texts.length)
      yield* arrived(received.a, texts.length)
      const expected = texts.map((text, i) => `${i} ${text}`)
      assert.deepStrictEqual(received.b, expected)
      assert.deepStrictEqual(received.a, expected)
      assert.isFalse(a.isFull)
    }))

  it.live("does not wait for ever for more to be written", () =>
    Effect.gen(function*() {
      const { a, received } = pair({ expectsMore: () => true })
      send(a, 1, "alone")
      yield* arrived(received.b, 1)
    }))

  it.live("reads nothing once it is closed", () =>
    Effect.gen(function*() {
      const { a, b, received, told } = pair()
      b.close()
      send(a, 1, "late")
      yield* eventually(() => told.b, (count) => count === 1)
      b.rung()
      assert.deepStrictEqual(received.b, [])
    }))
})
