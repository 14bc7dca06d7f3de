import { assert, describe, it } from "@effect/vitest"
import * as Collector from "../../../src/layers/telemetry/tracefile/Collector.ts"
import { PendingText } from "../../../src/layers/telemetry/tracefile/PendingText.ts"

/** A collector with room for ten characters, and what it has sent. */
const start = (setting: { readonly count: number; readonly logFrequency: number }) => {
  const pending = new PendingText(10)
  const sent: Array<string> = []
  const collector = Collector.make(setting, pending, (texts, { alone, now }) => {
    sent.push(`${texts.join("+")}${alone ? " alone" : ""}${now ? " now" : ""}`)
  })
  return {
    ...collector,
    pending,
    sent,
    /** A trace from its beginning to its end. */
    trace: (text: string) => {
      collector.begun()
      collector.finished(text)
    }
  }
}

describe("finished traces", () => {
  it("go to the file of all at once, which need not hurry unless there is little room left", () => {
    const { sent, trace } = start({ count: -1, logFrequency: 0 })
    for (const text of ["ab", "cd", "ef"]) trace(text)
    assert.deepStrictEqual(sent, ["ab", "cd", "ef now"])
  })

  it("wait for others of their file, unless there is little room left", () => {
    const frequent = start({ count: -1, logFrequency: 3 })
    for (const text of ["a", "b", "c", "d", "long", "e"]) frequent.trace(text)
    assert.deepStrictEqual(frequent.sent, ["a+b+c alone now", "d+long alone now", "e alone now"])
    const counted = start({ count: 9, logFrequency: 0 })
    for (const text of ["abc", "def"]) counted.trace(text)
    counted.ended("counted")
    assert.deepStrictEqual(counted.sent, ["abc+def now", " alone now"])
  })

  it("are left out where there is no room for them", () => {
    const { pending, sent, trace } = start({ count: -1, logFrequency: 0 })
    for (const text of ["12345678", "345", "ab", "x"]) trace(text)
    assert.deepStrictEqual(sent, ["12345678 now", " now", "ab now", " now"])
    assert.deepStrictEqual(pending.takeLeftOut(), { traces: 2, tensors: 0 })
    assert.deepStrictEqual(pending.takeLeftOut(), { traces: 0, tensors: 0 })
    pending.free(10)
    assert.strictEqual(pending.room, 10)
  })

  it("go at once when their setting is replaced, and those that follow as well", () => {
    const { begun, ended, finished, sent } = start({ count: -1, logFrequency: 5 })
    begun()
    begun()
    finished("a")
    ended("replaced")
    finished("b")
    assert.deepStrictEqual(sent, ["a alone now", "b alone now"])
  })
})
