import { assert, describe, it } from "@effect/vitest"
import { CliOutput } from "effect/cli"
import { between } from "../../../../src/layers/cli/internal/top/Activity.ts"
import * as Reading from "../../../../src/layers/cli/internal/top/Reading.ts"
import * as View from "../../../../src/layers/cli/internal/top/View.ts"
import * as Wording from "../../../../src/layers/cli/internal/top/Wording.ts"
import * as Metrics from "./Metrics.ts"

const same = (text: string) => text
const none: View.Styles = { bold: same, dim: same, red: same, yellow: same }

/** Models with 10, 20, … requests in a second. */
const stateOf = (models: ReadonlyArray<string>, changes: Partial<View.State> = {}): View.State => {
  const text = (round: number) =>
    models.map((model, i) =>
      Metrics.version({ model, requests: 10 * (i + 1) * round, pending: models.length - i, durations: [0, 0, 0, 0] })
    ).join("")
  const reading = Reading.read(text(2), 2e9)!
  return {
    url: "http://host:8000",
    activity: between(Reading.read(text(1), 1e9), reading, undefined),
    snapshot: { reading, doubtful: undefined, listed: undefined, note: undefined },
    trouble: undefined,
    order: "rate",
    reversed: false,
    offset: 0,
    intervalSeconds: 2,
    ...changes
  }
}

const firsts = (lines: ReadonlyArray<string>) => lines.slice(4, -1).map((line) => line.split(" ")[0])

describe("the screen", () => {
  it("has the server, the columns and the models, the busiest first", () => {
    const lines = View.screen(stateOf(["a", "b"]), { columns: 120, rows: 24 }, none)
    assert.strictEqual(lines[0], "galatea top   http://host:8000   every 2 s")
    assert.match(lines[1]!, /^2 models {3}30\.0 requests\/s {3}0 failed\/s/)
    assert.match(lines[3]!, /^MODEL +VER +STATE +REQ\/S\* .* ERR\/S +REJ\/S$/)
    assert.match(lines[4]!, /^b +1 +- +20\.0 /)
    assert.deepStrictEqual(firsts(lines), ["b", "a"])
    assert.match(lines.at(-1)!, /^q quit/)
  })

  it("says on top where it is not known whose figures these are", () => {
    const certain = stateOf(["a"])
    const state = { ...certain, snapshot: { ...certain.snapshot!, doubtful: "http://host:8002/metrics" } }
    const lines = View.screen(state, { columns: 80, rows: 24 }, none)
    assert.strictEqual(lines[0], "galatea top   http://host:8000 (metrics of host:8002, perhaps another server's)…")
    assert.match(lines[2]!, /^Perhaps another server's: all figures are those of http:\/\/host:8002\/metrics/)
    const [head, second, titles] = View.plain(state, 0).split("\n")
    assert.include(head, "http://host:8000 (metrics of host:8002, perhaps another server's)   1 model")
    assert.match(second!, /^Perhaps another .* nothing shows that they are of http:\/\/host:8000\.$/)
    assert.match(titles!, /^MODEL/)
    assert.strictEqual(View.screen(certain, { columns: 80, rows: 24 }, none)[2], "")
    assert.notInclude(View.plain(certain, 0), "another")
  })

  it("orders by what is asked for, and turns the order round", () => {
    const size = { columns: 120, rows: 24 }
    const order = (changes: Partial<View.State>) => firsts(View.screen(stateOf(["b", "c", "a"], changes), size, none))
    assert.deepStrictEqual(order({ order: "name" }), ["a", "b", "c"])
    assert.deepStrictEqual(order({ order: "name", reversed: true }), ["c", "b", "a"])
    assert.deepStrictEqual(order({ order: "queue" }), ["b", "c", "a"])
    assert.deepStrictEqual(order({ order: "rate", reversed: true }), ["b", "c", "a"])
    assert.deepStrictEqual(order({ order: "p99", reversed: true }), ["c", "b", "a"], "none is known")
  })

  it("is never wider or higher than the terminal, and says what is out of sight", () => {
    const state = stateOf(Array.from({ length: 30 }, (_, i) => `model-with-a-long-name-${i}`), { order: "name" })
    for (const [columns, rows] of [[200, 50], [80, 24], [50, 10], [20, 6], [5, 3]] as const) {
      const lines = View.screen(state, { columns, rows }, none)
      assert.isAtMost(lines.length, rows)
      for (const line of lines) assert.isAtMost(CliOutput.displayWidth(line), columns, `${columns}: ${line}`)
    }
    const scrolled = View.screen({ ...state, offset: 3 }, { columns: 100, rows: 10 }, none)
    assert.strictEqual(scrolled.length, 10)
    assert.match(scrolled.at(-1)!, / 4-8 of 30$/)
    const beyond = View.screen({ ...state, offset: 99 }, { columns: 100, rows: 10 }, none)
    assert.match(beyond.at(-1)!, / 26-30 of 30$/)
  })

  it("drops columns before it shortens names", () => {
    const header = (columns: number) => View.screen(stateOf(["a"]), { columns, rows: 9 }, none)[3]!
    assert.include(header(120), "WAIT99")
    assert.notInclude(header(70), "WAIT99")
    assert.match(header(40), /REQ\/S\*/)
  })

  it("says when nobody answers, and keeps what was seen last", () => {
    const lines = View.screen(stateOf(["a"], { trouble: "No answer." }), { columns: 100, rows: 9 }, none)
    assert.strictEqual(lines[1], "No answer. Trying again…")
    assert.match(lines[4]!, /^a /)
  })

  it("is as wide as the terminal at most, and in columns, whatever names are", () => {
    const names = ["日本語モデル名がとても長いです日本語", "😀".repeat(30), "a\u0301".repeat(40), "x".repeat(99)]
    for (const columns of [20, 41, 60, 61, 100]) {
      const lines = View.screen(stateOf(names, { trouble: "日本".repeat(60) }), { columns, rows: 9 }, none)
      for (const line of lines) {
        assert.isAtMost(CliOutput.displayWidth(line), columns)
        assert.isTrue(line.isWellFormed())
      }
    }
    const rows = View.screen(stateOf(names), { columns: 100, rows: 9 }, none).slice(4, -1)
    const starts = rows.map((row) => CliOutput.displayWidth(/^.*?(?= 1 )/.exec(row)![0]))
    assert.deepStrictEqual(starts, starts.map(() => starts[0]!), "columns stand below each other")
  })

  it("keeps what the server says on one line, without control characters", () => {
    const lines = View.screen(stateOf(["a"], { trouble: "bad\n\x1b[2J" }), { columns: 100, rows: 9 }, none)
    assert.strictEqual(lines[1], "bad\\n\\u001b[2J Trying again…")
  })

  it("shows what became of instances that were lost, where there are any", () => {
    const labels = `model="a",version="1"`
    const more = [
      `galatea_instance_losses_total{model="a",reason="ended",version="1"} 4`,
      `galatea_instance_losses_total{model="a",reason="memory",version="1"} 1`,
      `galatea_retried_requests_total{${labels}} 3`,
      `galatea_instance_breaker_open{${labels}} 1`
    ]
    const lines = (lost: ReadonlyArray<string>) => {
      const reading = Reading.read(Metrics.version({ model: "a", more: lost }), 1e9)!
      return View.screen(stateOf(["a"], { activity: between(undefined, reading, undefined) }), {
        columns: 160,
        rows: 9
      }, none)
    }
    const [titles, row] = lines(more).slice(3)
    assert.match(titles!, /REJ\/S +LOST +AGAIN$/)
    assert.match(row!, /^a +1 +suspended .* 5 +3$/)
    assert.notInclude(lines([]).join("\n"), "LOST")
  })

  it("shows control characters in names", () => {
    const lines = View.screen(stateOf(["a\\nb"]), { columns: 100, rows: 9 }, none)
    assert.match(lines[4]!, /^a\\nb /)
  })
})

describe("numbers", () => {
  it("are short", () => {
    assert.deepStrictEqual(
      [undefined, 0, 0.001, 0.5, 12.34, 999.9, 9994, 12_345, 1e6, 2.5e6].map(Wording.rate),
      ["-", "0", "<0.01", "0.50", "12.3", "1000", "9994", "12.3k", "1.00M", "2.50M"]
    )
    assert.deepStrictEqual(
      [undefined, 0, 0.0000123, 0.00099, 0.0123, 0.9996, 59, 120, 7200].map(Wording.seconds),
      ["-", "0", "12.3µs", "990µs", "12.3ms", "1.00s", "59.0s", "2min", "2.00h"]
    )
    assert.deepStrictEqual([Wording.bytes(3 * 2 ** 20), Wording.bytes(2.5 * 2 ** 30)], ["3.00 MiB", "2.50 GiB"])
    assert.deepStrictEqual([Wording.ofTotal(1, 4), Wording.ofTotal(1, undefined)], ["1/4", "1"])
  })
})
