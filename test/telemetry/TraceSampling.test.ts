import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as TraceSampling from "../../src/layers/telemetry/TraceSampling.ts"
import type { RequestTrace, TraceContext } from "../../src/schema/RequestTrace.ts"
import type { TraceChange, TraceSetting } from "../../src/schema/TraceSetting.ts"
import { type Arrival, offSetting } from "../../src/services/Tracing.ts"

const context: TraceContext = {
  traceId: "0af7651916cd43dd8448eb211c12666c",
  spanId: "b7ad6b7169242424",
  sampled: true
}

const arrival = (model: string, more: Partial<Arrival> = {}): Arrival => ({
  protocol: "http",
  model,
  version: "",
  atNanos: 0,
  context: undefined,
  source: { facts: () => ({ name: "infer", attributes: [] }) },
  ...more
})

const trace: RequestTrace = {
  context: undefined,
  model: () => {
    throw new Error("not asked for a model")
  },
  mark: () => {},
  ended: () => {}
}

/** Sampling over recorders that are told of here, in order. */
const start = (setting: Partial<TraceSetting>, maxModels = 10) => {
  const opened: Array<TraceSetting> = []
  const told: Array<string> = []
  const sampling = TraceSampling.make({
    setting: { ...offSetting, file: "trace.json", ...setting },
    open: (one) => {
      const number = opened.push(one) - 1
      return {
        begin: ({ model }) => {
          told.push(`${number} ${model}`)
          return trace
        },
        ended: (why) => told.push(`${number} ${why}`)
      }
    },
    onSetting: () => {},
    maxModels
  })
  return {
    ...sampling,
    opened,
    /** What recorders were told since the last call. */
    told: () => told.splice(0),
    /** Which of so many requests are traced, counted from 1. */
    send: (count: number, model = "m", more: Partial<Arrival> = {}) =>
      Array.from({ length: count }, (_, i) => i + 1).filter(() => sampling.begin(arrival(model, more)) !== undefined),
    set: (change: TraceChange, model?: string) => Result.getOrThrow(sampling.settings.change(model, change)),
    refused: (change: TraceChange, model?: string) => {
      const result = sampling.settings.change(model, change)
      return Result.isFailure(result) ? `${result.failure._tag}: ${result.failure.message}` : "no failure"
    }
  }
}

const on = { level: ["TIMESTAMPS"] } as const
const spans = { ...on, mode: "opentelemetry", file: "" } as const

describe("sampling", () => {
  it("is not active, and opens nothing, while nothing can be traced", () => {
    for (
      const setting of [{}, { ...on, rate: 0 }, { ...on, file: "" }, { ...on, rate: 1, count: 0 }, {
        ...spans,
        level: ["OFF"]
      }] as const
    ) {
      const { active, opened, send } = start(setting)
      assert.isFalse(active())
      assert.deepStrictEqual(send(3, "m", { context }), [])
      assert.deepStrictEqual(opened, [])
    }
  })

  it("traces one request in so many, the last of them", () => {
    assert.deepStrictEqual(start({ ...on, rate: 1 }).send(3), [1, 2, 3])
    assert.deepStrictEqual(start({ ...on, rate: 6 }).send(20), [6, 12, 18])
    assert.deepStrictEqual(start({ ...spans, rate: 5 }).send(11), [5, 10])
  })

  it("stops when as many were traced as wanted, and is not active then", () => {
    const { active, send, settings, told } = start({ ...on, rate: 2, count: 3 })
    assert.deepStrictEqual(send(4), [2, 4])
    assert.strictEqual(settings.of(undefined).count, 1)
    assert.isTrue(active())
    assert.deepStrictEqual(send(20), [2])
    assert.isFalse(active())
    assert.strictEqual(settings.of("m").count, 0)
    assert.deepStrictEqual(told(), ["0 m", "0 m", "0 m", "0 counted"])
  })

  it("traces every request that is part of a trace where spans are made, which also counts (150, 151)", () => {
    const { send } = start({ ...spans, rate: 5 })
    assert.deepStrictEqual(send(5), [5])
    assert.deepStrictEqual(send(5, "m", { context }), [1, 2, 3, 4, 5])
    assert.deepStrictEqual(send(4), [])
    assert.deepStrictEqual(send(1, "m", { context }), [1])
    assert.deepStrictEqual(send(5), [5])

    const never = start({ ...spans, rate: 0, count: 0 })
    assert.isTrue(never.active())
    assert.deepStrictEqual(never.send(3), [])
    assert.deepStrictEqual(never.send(2, "m", { context: { ...context, sampled: false } }), [1, 2])

    const counted = start({ ...spans, rate: 2, count: 1 })
    assert.deepStrictEqual(counted.send(4, "m", { context }), [1, 2, 3, 4])
    assert.strictEqual(counted.settings.of("m").count, 0)
  })

  it("does not care for traces of others where a file is written", () => {
    assert.deepStrictEqual(start({ ...on, rate: 5 }).send(5, "m", { context }), [5])
  })
})

describe("settings", () => {
  it("change while the server runs, and begin to count anew (145)", () => {
    const { active, opened, send, set, told } = start({ rate: 3 })
    assert.deepStrictEqual(set({ level: ["TIMESTAMPS"] }).level, ["TIMESTAMPS"])
    assert.isTrue(active())
    assert.deepStrictEqual(send(5), [3])
    set({ rate: 2, logFrequency: 7 })
    assert.deepStrictEqual(send(2), [2])
    set({ level: ["OFF"] })
    assert.isFalse(active())
    assert.deepStrictEqual(send(9), [])
    assert.deepStrictEqual(told(), ["0 m", "0 replaced", "1 m", "1 replaced"])
    assert.deepStrictEqual(opened.map(({ logFrequency, rate }) => [rate, logFrequency]), [[3, 0], [2, 7]])
  })

  it("do not change by a change of nothing, nor begin anew", () => {
    const { opened, send, set } = start({ ...on, rate: 3 })
    send(2)
    set({})
    set({}, "m")
    set({ rate: null, level: null }, "m")
    assert.deepStrictEqual(send(1), [1])
    assert.strictEqual(opened.length, 1)
  })

  it("of a model go before those of all, and what it lacks follows them (148)", () => {
    const { send, set, settings } = start({ ...on, rate: 10 })
    const rates = () => [settings.of(undefined).rate, settings.of("m").rate, settings.of("n").rate]
    set({ rate: 2 }, "m")
    assert.deepStrictEqual(rates(), [10, 2, 10])
    assert.deepStrictEqual([send(4, "m"), send(4, "n")], [[2, 4], []])
    set({ rate: 3, logFrequency: 8 })
    assert.deepStrictEqual(rates(), [3, 2, 3])
    assert.strictEqual(settings.of("m").logFrequency, 8)
    set({ logFrequency: 9 }, "m")
    set({ level: ["OFF"] })
    assert.deepStrictEqual(settings.of("m").level, ["OFF"])
    assert.deepStrictEqual(send(4, "m"), [])
    set({ level: ["TENSORS"] })
    assert.deepStrictEqual(send(4, "m"), [2, 4])
    set({ rate: null }, "m")
    assert.deepStrictEqual([settings.of("m").rate, settings.of("m").logFrequency], [3, 9])
    set({ rate: null, level: null, logFrequency: null })
    assert.deepStrictEqual(settings.of("m"), { ...settings.of(undefined), logFrequency: 9 })
    assert.deepStrictEqual(rates(), [10, 10, 10])
    assert.deepStrictEqual(settings.of(undefined).level, ["TIMESTAMPS"])
  })

  it("of a model that has set all of them stay as they are, counters and all, when others change", () => {
    const { opened, send, set } = start({ ...on, rate: 10 })
    set({ level: ["TIMESTAMPS"], rate: 3, count: -1, logFrequency: 0 }, "m")
    assert.deepStrictEqual(send(2), [])
    set({ level: ["OFF"] })
    assert.deepStrictEqual(send(1), [1])
    assert.strictEqual(opened.length, 2)
  })

  it("keep what is left of a count until that is set, or cleared", () => {
    const { send, set, settings } = start({ ...on, rate: 1, count: 5 })
    send(3)
    set({ rate: 2 })
    assert.strictEqual(settings.of(undefined).count, 2)
    set({ count: null })
    assert.strictEqual(settings.of(undefined).count, 5)
    set({ count: 4 })
    send(2)
    set({ rate: 1 })
    assert.strictEqual(settings.of(undefined).count, 3)
    set({ count: 1 }, "m")
    send(3, "m")
    set({ rate: 1, level: ["TENSORS"] })
    assert.deepStrictEqual([settings.of("m").count, settings.of("n").count], [0, 3])
  })

  it("keep what is left of a count that a model has from all, until that is set or cleared", () => {
    const { send, set, settings } = start({ ...on, rate: 1, count: 5 })
    const left = () => settings.of("m").count
    set({ rate: 1 }, "m")
    assert.deepStrictEqual(send(9), [1, 2, 3, 4, 5])
    set({ logFrequency: 0 }, "m")
    assert.deepStrictEqual([left(), send(2)], [0, []])
    set({ logFrequency: 3 })
    assert.deepStrictEqual([left(), send(2)], [0, []])
    set({ count: null }, "m")
    assert.strictEqual(left(), 5)
    send(2)
    set({ count: 4 })
    assert.strictEqual(left(), 4)
    send(1)
    set({ rate: 1, level: ["TENSORS"] }, "m")
    assert.strictEqual(left(), 3)
    set({ count: null })
    assert.strictEqual(left(), 5)
  })

  it("under which nothing could be traced are refused, and change nothing", () => {
    const zero = "InvalidRequest: Attempting to set invalid trace setting :sample rate must be non-zero"
    const file = "InvalidRequest: Attempting to set invalid trace setting :trace file name is not given"
    const { refused, set, settings } = start({ ...on, rate: 1 })
    const before = settings.of(undefined)
    assert.strictEqual(refused({ rate: 0 }), zero)
    assert.strictEqual(refused({ rate: 0, logFrequency: 3 }, "m"), zero)
    assert.deepStrictEqual([settings.of(undefined), settings.of("m")], [before, before])
    // Where nothing is to be traced there is nothing wrong with it.
    assert.strictEqual(set({ rate: 0, level: ["OFF"] }).rate, 0)
    assert.strictEqual(refused({ level: ["TENSORS"] }), zero)

    assert.strictEqual(start({ file: "" }).refused(on), file)
    assert.strictEqual(start({ file: "" }).refused(on, "m"), file)
    assert.strictEqual(start({ ...spans, rate: 0 }).refused({ count: 3 }), zero)
    assert.deepStrictEqual(start({ ...spans, level: ["OFF"] }).set(on).level, ["TIMESTAMPS"])
  })

  it("of their own may have so many models", () => {
    const { refused, set, settings } = start(on, 2)
    set({ rate: 1 }, "a")
    set({ rate: 1 }, "b")
    assert.strictEqual(
      refused({ rate: 1 }, "c"),
      "InvalidRequest: 2 models have trace settings of their own, which is as many as --trace-max-models allows. Clear " +
        "all settings of another model first, such as 'a'."
    )
    const one = start(on, 1)
    one.set({ rate: 1 }, "a")
    assert.match(one.refused({ rate: 1 }, "c"), /^InvalidRequest: 1 model has trace settings of its own, which is /)
    assert.match(start(on, 0).refused({ rate: 1 }, "c"), /^InvalidRequest: 0 models have .* Allow more /)
    assert.deepStrictEqual([settings.isOwn("a"), settings.isOwn("c")], [true, false])
    assert.strictEqual(set({ rate: 2 }, "b").rate, 2)
    set({ rate: null }, "a")
    assert.strictEqual(set({ rate: 1 }, "c").rate, 1)
  })

  it("end, and their recorders with them", () => {
    const { active, close, send, set, told } = start({ ...on, rate: 1 })
    set({ rate: 2 }, "m")
    close()
    assert.isFalse(active())
    assert.deepStrictEqual([...send(4, "m"), ...send(4, "n")], [])
    assert.deepStrictEqual(told(), ["0 replaced", "1 replaced"])
  })
})
