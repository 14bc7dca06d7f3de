import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isSized, textOf } from "../../../src/layers/frontend/internal/http1/AnswerHead.ts"

describe("the head of an answer", () => {
  it("says what it is given, whatever the heads before it said", () => {
    const value = fc.constantFrom("a", "b", "text/plain", "12", "\u00e9")
    const header = fc.tuple(fc.constantFrom("Content-Type", "X-One", "X-Two"), value)
    const head = fc.record({
      status: fc.constantFrom(200, 404),
      headers: fc.array(header, { maxLength: 3 }),
      length: fc.constantFrom(undefined, "0", "17"),
      keepsAlive: fc.boolean()
    })
    fc.assert(fc.property(fc.array(head), (heads) => {
      for (const { headers, keepsAlive, length, status } of heads) {
        const given = [...headers, ...length === undefined ? [] : [["Content-Length", length] as const]]
        const lines = [
          status === 200 ? "HTTP/1.1 200 OK" : "HTTP/1.1 404 Not Found",
          ...given.map(([name, value]) => `${name}: ${value}`),
          ...keepsAlive ? [] : ["Connection: close"],
          ...length === undefined ? ["Transfer-Encoding: chunked"] : []
        ]
        const flat = given.flat()
        assert.strictEqual(textOf(status, flat, keepsAlive, isSized(flat)), `${lines.join("\r\n")}\r\n\r\n`)
      }
    }))
  })

  it("refuses what no header may hold, wherever it stands", () => {
    const good = ["Content-Type", "a", "X-One", "b", "Content-Length", "1"]
    for (const at of [1, 3, 5]) {
      for (let i = 0; i < 3; i++) {
        textOf(200, good, true, true)
        assert.throws(() => textOf(200, good.with(at, "a\r\nX-Two: b"), true, true), good[at - 1]!)
      }
    }
  })
})
