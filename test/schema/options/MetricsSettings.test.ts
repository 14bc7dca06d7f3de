import { assert, describe, it } from "@effect/vitest"
import * as MetricsSettings from "../../../src/schema/options/MetricsSettings.ts"

const read = (...texts: ReadonlyArray<string>) =>
  MetricsSettings.read(texts.map((text) => {
    const equals = text.indexOf("=")
    return { scope: "", key: text.slice(0, equals), value: text.slice(equals + 1) }
  }))

describe("MetricsSettings", () => {
  it("are counters alone where nothing is said", () => {
    const { counterLatencies, histogramLatencies, summaryLatencies, summaryQuantiles } = read()
    assert.deepStrictEqual([counterLatencies, histogramLatencies, summaryLatencies], [true, false, false])
    assert.deepStrictEqual(summaryQuantiles.map(({ share }) => share), [0.5, 0.9, 0.95, 0.99, 0.999])
  })

  it("take the last setting of each key", () => {
    const { counterLatencies, histogramLatencies, summaryLatencies } = read(
      "counter_latencies=true",
      "counter_latencies=OFF",
      "histogram_latencies=1",
      "summary_latencies=on",
      "summary_latencies=false"
    )
    assert.deepStrictEqual([counterLatencies, histogramLatencies, summaryLatencies], [false, true, false])
  })

  it("take quantiles in the order given, each once, without those that are none", () => {
    const { summaryQuantiles } = read("summary_quantiles=0.9:0.01,0.5:0.05,0.9:0.1,0.7,x:0.1,0.1:,1.5:0.1")
    assert.deepStrictEqual(summaryQuantiles, [{ share: 0.9, error: 0.01 }, { share: 0.5, error: 0.05 }])
  })
})
