import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Output from "../../../src/layers/cli/internal/Output.ts"

const terminal = (columns = 40, rows = 24) => {
  const written = { text: "" }
  return { written, sink: { isTTY: true, columns, rows, write: (text: string) => written.text += text } }
}

describe("Output", () => {
  it("is rich on a terminal only, and not with NO_COLOR or on a dumb terminal", () => {
    const { sink } = terminal()
    const rich = (environment: Record<string, string>, tty = true) =>
      Output.make({ ...sink, isTTY: tty }, sink, environment).rich
    assert.isTrue(rich({}))
    assert.isTrue(rich({ NO_COLOR: "" }))
    assert.isFalse(rich({ NO_COLOR: "1" }))
    assert.isFalse(rich({ TERM: "dumb" }))
    assert.isFalse(rich({}, false))
  })

  it("writes no escape codes where it is not rich", () => {
    const { sink, written } = terminal()
    const output = Output.make({ ...sink, isTTY: false }, sink, {})
    output.live(["busy"])
    output.out(`${Output.styles(output).red("text")}\n`)
    output.live([])
    assert.strictEqual(written.text, "text\n")
  })

  it("shows control characters of whatever it writes, and keeps its own", () => {
    const { sink, written } = terminal()
    const output = Output.make(sink, sink, {})
    output.out(`${Output.styles(output).red("a\x1b[2J")}\n`)
    output.err("\x1b]0;title\x07\u202e\n")
    assert.strictEqual(written.text, "\x1b[31ma\\u001b[2J\x1b[0m\n\\u001b]0;title\\u0007\\u202e\n")
    written.text = ""
    output.live(["one\ntwo\x1b[A"])
    assert.strictEqual(written.text, "one\\ntwo\\u001b[A\n")
  })

  it("writes lines of the log as they are", () => {
    const { sink, written } = terminal()
    Output.make(sink, sink, {}).log("err", "\x1b[31mE\x1b[0m\n")
    assert.strictEqual(written.text, "\x1b[31mE\x1b[0m\n")
  })

  it("cuts live lines by the columns that they take, and ends every style", () => {
    const { sink, written } = terminal(10)
    const output = Output.make(sink, sink, {})
    const { cyan } = Output.styles(output)
    output.live([`${cyan("⠋")} load`, `${cyan("⠋")} loading日本`, cyan("日本語モデル"), `12345678${cyan("😀")}`])
    assert.strictEqual(
      written.text,
      "\x1b[36m⠋\x1b[0m load\n\x1b[36m⠋\x1b[0m loadin…\n\x1b[36m日本語モ…\x1b[0m\n"
        + "12345678\x1b[36m…\x1b[0m\n"
    )
  })

  it.effect("is closed once nobody reads it", () =>
    Effect.gen(function*() {
      const { sink } = terminal()
      const listeners: Array<() => void> = []
      const output = Output.make({ ...sink, on: (_, listener) => listeners.push(listener) }, sink, {})
      const closed = yield* Effect.forkChild(output.closed, { startImmediately: true })
      assert.isUndefined(closed.pollUnsafe())
      for (const listener of listeners) listener()
      yield* Fiber.join(closed)
    }))

  it("keeps live lines below what is written", () => {
    const { sink, written } = terminal()
    const output = Output.make(sink, sink, {})
    output.live(["one", "two"])
    output.out("text\n")
    output.live([])
    assert.strictEqual(written.text, "one\ntwo\n\x1b[2A\x1b[0Jtext\none\ntwo\n\x1b[2A\x1b[0J")
  })

  it("cuts live lines to the width, and their number to the height", () => {
    const { sink, written } = terminal(10, 5)
    const output = Output.make(sink, sink, {})
    output.live(["0123456789", "b", "c", "d"])
    assert.strictEqual(written.text, "01234567…\nb\n… and 2 …\n")
  })

  it.effect("draws live lines anew until the scope closes", () =>
    Effect.gen(function*() {
      const { sink, written } = terminal()
      const output = Output.make(sink, sink, {})
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Output.animate(output, (frame) => [`frame ${frame}`])
        yield* TestClock.adjust("170 millis")
      }))
      assert.include(written.text, "frame 0\n")
      assert.include(written.text, "frame 2\n")
      assert.notInclude(written.text, "frame 3\n")
      assert.isTrue(written.text.endsWith("\x1b[1A\x1b[0J"))
    }))
})
