import { assert, describe, it } from "@effect/vitest"
import { CustomLog } from "../../src/layers/execution/internal/CustomLog.ts"
import type { Log } from "../../src/layers/execution/internal/Mailbox.ts"

const started = (linesPerSecond: number, verbosity?: Int32Array<SharedArrayBuffer>) => {
  const lines: Array<Log> = []
  let now = 0
  const log = new CustomLog({ linesPerSecond, maxLength: 10, verbosity }, (line) => lines.push(line), () => now)
  return {
    log,
    /** What was written since the last call. */
    written: () => lines.splice(0).map(({ level, text }) => `${level} ${text}`),
    pass: (millis: number) => {
      now += millis
    }
  }
}

describe("CustomLog", () => {
  it("lets as many lines through as ten seconds give, and tells how many it did not", () => {
    const { log, pass, written } = started(2)
    for (let i = 0; i < 50; i++) log.write("Info", `${i}`)
    assert.deepStrictEqual(written(), Array.from({ length: 20 }, (_, i) => `Info ${i}`))
    pass(400)
    log.write("Info", "early")
    assert.deepStrictEqual(written(), [])
    pass(100)
    log.write("Error", "late")
    log.write("Error", "lost")
    const missing = (count: number) =>
      `Warn ${count} lines of this instance are missing here: it may write 2 a second (--instance-log-lines)`
    assert.deepStrictEqual(written(), [missing(31), "Error late"])
    log.tellDropped()
    log.tellDropped()
    assert.deepStrictEqual(written(), [missing(1)])
    pass(3_600_000)
    for (let i = 0; i < 50; i++) log.write("Info", "again")
    assert.strictEqual(written().length, 20)
  })

  it("cuts long lines", () => {
    const { log, written } = started(1)
    log.write("Info", "0123456789")
    log.write("Info", `012345678${"\u{1f600}".repeat(3)}`)
    assert.deepStrictEqual(written(), ["Info 0123456789", "Info 012345678… (6 more characters)"])
  })

  it("wants verbose lines as long as the server does", () => {
    const verbosity = new Int32Array(new SharedArrayBuffer(4))
    const { log } = started(1, verbosity)
    const levels = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"] as const
    const wanted = (level: number) => {
      verbosity[0] = level
      return levels.filter((one) => log.wants(one))
    }
    assert.deepStrictEqual(wanted(0), ["Info", "Warn", "Error", "Fatal"])
    assert.deepStrictEqual(wanted(1), ["Debug", "Info", "Warn", "Error", "Fatal"])
    assert.deepStrictEqual(wanted(2), [...levels])
    assert.deepStrictEqual(levels.filter((one) => started(1).log.wants(one)), [...levels])
  })
})
