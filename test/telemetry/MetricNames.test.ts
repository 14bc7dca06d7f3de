import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { readFileSync } from "node:fs"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "../../src/layers/telemetry/PrometheusMetrics.ts"
import { ModelNotFound } from "../../src/schema/Errors.ts"
import { Metrics } from "../../src/services/Metrics.ts"
import { ModelRepository, type ResidencyFigures } from "../../src/services/ModelRepository.ts"
import { Statistics } from "../../src/services/Statistics.ts"
import * as Exposition from "../integration/Exposition.ts"

const document = readFileSync(new URL("../../otel/metrics.md", import.meta.url), "utf8")

/** The cells of every table row whose second cell is one of these. */
const rows = (second: RegExp) =>
  document.split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))
    .filter((cells) => second.test(cells[1]!))

const named = rows(/^(counter|gauge|histogram|summary)$/)

const families = (
  options: PrometheusMetrics.Options,
  labels: { readonly tags?: Readonly<Record<string, string>>; readonly namespace?: string } = {},
  shadow = false,
  residency = shadow
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      PrometheusMetrics.layerWith(options).pipe(
        Layer.provide(residency ? repository : Layer.empty),
        Layer.provideMerge(LocalStatistics.layerWith({ quantiles: options.quantiles !== undefined }))
      )
    )
    const books = yield* Context.get(context, Statistics).open({ model: "m", version: 1, ...labels })
    books.loaded(1)
    if (shadow) books.shadowed("same")
    return Exposition.parse(yield* Context.get(context, Metrics).exposition)
  })

const figures: ResidencyFigures = {
  budgetBytes: 1,
  accountedBytes: 1,
  known: 1,
  resident: 1,
  waiting: 0,
  loads: 1,
  failures: 0,
  evictions: { budget: 0, idle: 0 }
}

/** Its models load when they are asked for. */
const repository = Layer.succeed(ModelRepository, {
  residency: () => figures,
  lookup: () => Result.fail(new ModelNotFound({ message: "" })),
  readyVersions: () => [],
  index: Effect.succeed([]),
  allReady: Effect.succeed(true),
  load: () => Effect.void,
  unload: () => Effect.void
})

const everything = { counterLatencies: true, histogramLatencies: true, quantiles: [0.5] }

/** Names of the labels of a family's series, those aside that tell the samples of one apart. */
const labelNames = ({ name, samples }: Exposition.Family): string => {
  const names = new Set(
    samples.map(({ labels }) =>
      Object.keys(labels).filter((label) => label !== "le" && label !== "quantile").join(", ")
    )
  )
  assert.strictEqual(names.size, 1, name)
  return [...names][0]!
}

describe("otel/metrics.md", () => {
  it.effect("has each name, type and label that the server emits, in order of labels, and no other", () =>
    Effect.gen(function*() {
      const emitted = yield* families(everything, { tags: { tag: "x" }, namespace: "n" }, true)
      assert.deepStrictEqual(
        named.map(([name, type, labels]) => [name, type, labels!.replaceAll(/[[\]]/g, "")]),
        Array.from(emitted.values(), (family) => [family.name, family.type, labelNames(family)])
      )
    }))

  it.effect("brackets the labels that not every version has", () =>
    Effect.gen(function*() {
      const emitted = yield* families(everything, {}, true)
      for (const [name, , labels] of named) {
        assert.strictEqual(
          labelNames(emitted.get(name!)!),
          labels!.split(", ").filter((label) => !label.startsWith("[")).join(", "),
          name
        )
      }
    }))

  it.effect("says when a metric exists", () =>
    Effect.gen(function*() {
      const names = (condition: RegExp) => named.filter((cells) => condition.test(cells[4]!)).map(([name]) => name)
      const plain = yield* families({ counterLatencies: false, cpu: false })
      assert.deepStrictEqual([...plain.keys()], names(/^always$/))
      for (
        const [condition, options] of [
          ["counter_latencies", { counterLatencies: true, cpu: false }],
          ["histogram_latencies", { counterLatencies: false, cpu: false, histogramLatencies: true }],
          ["summary_latencies", { counterLatencies: false, cpu: false, quantiles: [0.5] }],
          ["--allow-cpu-metrics", { counterLatencies: false }]
        ] as const
      ) {
        const more = [...(yield* families(options)).keys()].filter((name) => !plain.has(name))
        assert.deepStrictEqual(more, names(new RegExp(`^${condition}`)), condition)
      }
      const quiet = { counterLatencies: false, cpu: false }
      const more = (emitted: ReadonlyMap<string, unknown>) => [...emitted.keys()].filter((name) => !plain.has(name))
      assert.deepStrictEqual(more(yield* families(quiet, {}, true, false)), names(/^in a shadow$/))
      assert.deepStrictEqual(more(yield* families(quiet, {}, false, true)), names(/^with residency$/))
    }))

  it.effect("lists the reasons and outcomes", () =>
    Effect.gen(function*() {
      const emitted = yield* families({}, {}, true)
      const listed = rows(/^[A-Z]+, |^[a-z]+_[a-z]+, |^[a-z]+, [a-z]+(, [a-z]+, [a-z]+)?$/)
      assert.strictEqual(listed.length, 4)
      for (const [name, values] of listed) {
        const { samples } = emitted.get(name!)!
        assert.strictEqual(samples.map(({ labels }) => labels["reason"] ?? labels["outcome"]).join(", "), values)
      }
    }))
})

describe("names of metrics", () => {
  it.effect("are Triton's, the usual ones of a process, or galatea_ with their unit", () =>
    Effect.gen(function*() {
      for (const { help, name, type } of (yield* families(everything, {}, true)).values()) {
        assert.match(name, /^(nv_|process_|galatea_)[a-z_]+$/)
        assert.isAbove(help.length, 10, name)
        if (name.startsWith("galatea_")) {
          assert.match(name, /_(seconds|bytes|size|requests|instances|versions|total|difference)$/)
          assert.strictEqual(name.endsWith("_total"), type === "counter", name)
        }
      }
    }))
})
