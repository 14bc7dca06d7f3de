import { assert, describe, it } from "@effect/vitest"
import type { ConsoleAnswer, ConsoleFigures } from "../../src/schema/ConsoleState.ts"
import { type HistoryModule, type IntervalsModule, page } from "./Page.ts"

const { quantile } = await page<IntervalsModule>("intervals.js")
const { History, keyOf } = await page<HistoryModule>("history.js")

const figures = (more: Partial<ConsoleFigures> = {}): ConsoleFigures => ({
  model: "simple",
  version: "1",
  succeeded: 0,
  failed: 0,
  refused: 0,
  invalid: 0,
  rows: 0,
  executions: 0,
  cacheHits: 0,
  retried: 0,
  lost: 0,
  waiting: 0,
  running: 0,
  durations: [0, 0, 0],
  micros: { request: 0, queue: 0, input: 0, infer: 0, output: 0 },
  ...more
})

const answer = (atMillis: number, ...all: ReadonlyArray<ConsoleFigures>): ConsoleAnswer => ({
  atMillis,
  figures: all,
  boundsMillis: [1, 10],
  models: [{
    name: "simple",
    version: "1",
    state: "READY",
    onDemand: false,
    loaded: {
      platform: "onnxruntime_onnx",
      maxBatchSize: 8,
      instances: 1,
      load: 1,
      scheduling: "dynamic",
      healthy: true
    }
  }],
  restricted: []
})

describe("quantiles out of buckets", () => {
  it("lie on a straight line within a bucket", () => {
    assert.strictEqual(quantile([1, 10], [10, 0, 0], 0.5), 0.5)
    assert.strictEqual(quantile([1, 10], [10, 10, 0], 0.5), 1)
    assert.strictEqual(quantile([1, 10], [10, 10, 0], 0.75), 5.5)
    assert.strictEqual(quantile([1, 10], [0, 0, 4], 0.5), 10)
    assert.isNaN(quantile([1, 10], [0, 0, 0], 0.5))
  })
})

describe("the history of figures", () => {
  it("is made of what happened between two answers", () => {
    const history = new History()
    history.add(answer(1000, figures({ succeeded: 100, rows: 900, executions: 9, durations: [100, 0, 0] })))
    assert.deepStrictEqual(history.of(""), [], "what happened before is nobody's second")
    history.add(
      answer(
        3000,
        figures({
          succeeded: 110,
          failed: 3,
          refused: 1,
          invalid: 6,
          rows: 916,
          executions: 13,
          waiting: 5,
          durations: [100, 10, 0],
          micros: { request: 900, queue: 500, input: 0, infer: 0, output: 0 }
        })
      )
    )
    const [point] = history.of(keyOf({ model: "simple", version: "1" }))
    assert.strictEqual(point!.at, 3000)
    assert.strictEqual(point!.rate, 5)
    assert.strictEqual(point!.errors, 2)
    assert.strictEqual(point!.invalid, 3)
    assert.strictEqual(point!.p50, 5500)
    assert.strictEqual(point!.rows, 4)
    assert.strictEqual(point!.fullness, 0.5)
    assert.strictEqual(point!.queue, 50)
    assert.strictEqual(point!.waiting, 5)
    assert.deepStrictEqual(history.of(""), [point!])
  })

  it("has rows of five seconds, each with all that happened in them", () => {
    const history = new History()
    // Of five seconds only the second one is busy: 30 requests take up to 1 ms, and 10 up to 10 ms.
    const at = (second: number): ConsoleAnswer => {
      const busy = Math.floor((second + 3) / 5)
      return answer(
        1000 + second * 1000,
        figures({
          succeeded: busy * 40,
          failed: busy * 5,
          invalid: busy * 10,
          rows: busy * 40,
          executions: busy * 10,
          waiting: second % 5 === 2 ? 7 : 1,
          durations: [busy * 30, busy * 10, 0],
          micros: { request: 0, queue: busy * 400, input: 0, infer: 0, output: 0 }
        })
      )
    }
    for (let second = 0; second < 5; second++) history.add(at(second))
    assert.deepStrictEqual(history.rowsOf(""), [], "one that is not over is none yet")
    for (let second = 5; second <= 100; second++) history.add(at(second))
    const rows = history.rowsOf("")
    assert.deepStrictEqual(rows.map((row) => row.at), Array.from({ length: 12 }, (_, i) => 46_000 + i * 5000))
    for (const row of rows) {
      assert.deepInclude(row, {
        seconds: 5,
        rate: 8,
        errors: 1,
        invalid: 2,
        fullness: 0.5,
        rows: 4,
        waiting: 7,
        queue: 10
      })
      assert.strictEqual(row.p50, 1000 * 20 / 30)
      assert.strictEqual(row.p99, 1000 + 9000 * 9.6 / 10)
    }
    assert.deepStrictEqual(history.rowsOf(keyOf({ model: "simple", version: "1" })), rows)
  })

  it("says how busy a version was lately", () => {
    const history = new History()
    const key = keyOf({ model: "simple", version: "1" })
    for (let i = 1; i <= 12; i++) history.add(answer(i * 1000, figures({ succeeded: i <= 6 ? 20 * i : 120 })))
    assert.strictEqual(history.lately(key), 8, "20 a second in four of the last ten seconds")
    assert.strictEqual(history.lately("another"), 0)
  })

  it("begins anew with a version that was loaded again, and forgets one that has left", () => {
    const history = new History()
    history.add(answer(1000, figures({ succeeded: 100 }), figures({ version: "2" })))
    history.add(answer(2000, figures({ succeeded: 4 }), figures({ version: "2", succeeded: 1 })))
    assert.deepStrictEqual(history.of("").map(({ rate }) => rate), [5])
    history.add(answer(3000, figures({ succeeded: 4 })))
    assert.deepStrictEqual(history.of(keyOf({ model: "simple", version: "2" })), [])
  })

  it("goes on where the clock of the server was set back, and forgets what is to come by it", () => {
    const history = new History()
    for (const at of [1000, 2000, 8000, 9000]) history.add(answer(at, figures({ succeeded: at / 1000 })))
    history.add(answer(5000, figures({ succeeded: 20 })))
    assert.deepStrictEqual(history.of("").map(({ at }) => at), [2000])
    history.add(answer(6000, figures({ succeeded: 23 })))
    assert.deepStrictEqual(history.of("").map(({ at, rate }) => [at, rate]), [[2000, 1], [6000, 3]])
  })

  it("keeps a bounded number of points, and waits where figures are restricted", () => {
    const history = new History()
    history.add({ atMillis: 1, restricted: [{ part: "figures", header: "key" }] })
    for (let i = 1; i < 1000; i++) history.add(answer(i * 1000, figures({ succeeded: 1000 + i })))
    assert.strictEqual(history.of("").length, 240)
    assert.isTrue(history.of("").every(({ rate }) => rate === 1))
  })
})
