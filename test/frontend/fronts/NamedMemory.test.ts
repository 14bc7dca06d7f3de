import { assert, describe, it } from "@effect/vitest"
import { NamedMemory } from "../../../src/layers/frontend/internal/fronts/NamedMemory.ts"
import type { ToFront } from "../../../src/layers/frontend/internal/fronts/Records.ts"

const megabyte = 1024 * 1024

const make = () => {
  const messages: Array<ToFront> = []
  const named = new NamedMemory({ postMessage: (message: ToFront) => messages.push(message) })
  /** Bytes that the front holds after these messages. */
  const held = () => {
    const pieces = new Map<number, number>()
    for (const message of messages) {
      if (message._tag === "Memory") pieces.set(message.id, message.buffer.byteLength)
      else if (message._tag === "Forget") pieces.delete(message.id)
    }
    return [...pieces.values()].reduce((sum, bytes) => sum + bytes, 0)
  }
  return { named, messages, held }
}

describe("NamedMemory", () => {
  it("names a piece once", () => {
    const { messages, named } = make()
    const buffer = new SharedArrayBuffer(8)
    const id = named.use(buffer)
    named.done(buffer)
    assert.strictEqual(named.use(buffer), id)
    assert.deepStrictEqual(messages.map(({ _tag }) => _tag), ["Memory"])
  })

  it("keeps what is used and forgets the rest beyond its bound", () => {
    const { held, named } = make()
    const used = new SharedArrayBuffer(megabyte)
    const id = named.use(used)
    for (let i = 0; i < 300; i++) {
      const buffer = new SharedArrayBuffer(megabyte)
      named.use(buffer)
      named.done(buffer)
    }
    assert.isAtMost(held(), 64 * megabyte)
    assert.strictEqual(named.use(used), id)
  })

  it("forgets a large piece as soon as nothing uses it", () => {
    const { held, named } = make()
    const buffer = new SharedArrayBuffer(17 * megabyte)
    named.use(buffer)
    named.use(buffer)
    named.done(buffer)
    assert.strictEqual(held(), 17 * megabyte)
    named.done(buffer)
    assert.strictEqual(held(), 0)
  })
})
