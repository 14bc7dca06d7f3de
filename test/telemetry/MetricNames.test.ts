import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Semaphore } from "effect"
import { readFileSync } from "node:fs"
import * as ConfiguredRateLimiter from "../../src/layers/scheduling/ConfiguredRateLimiter.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "../../src/layers/telemetry/PrometheusMetrics.ts"
import type { Instances } from "../../src/services/Executor.ts"
import { Metrics } from "../../src/services/Metrics.ts"
import { RateLimiter } from "../../src/services/RateLimiter.ts"
import { Statistics } from "../../src/services/Statistics.ts"
import * as Exposition from "../integration/Exposition.ts"
import { queueOptions } from "../scheduling/QueueOptions.ts"

const document = readFileSync(new URL("../../otel/metrics.md", import.meta.url), "utf8")

/** The cells of every table row whose second cell is one of these. */
const rows = (second: RegExp) =>
  document.split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))
    .filter((cells) => second.test(cells[1]!))

const named = rows(/^(counter|gauge|histogram|summary)$/)

/** A limiter with one resource of each kind. */
const limiter = Layer.effectDiscard(Effect.flatMap(RateLimiter, ({ limit }) =>
  limit(
    {
      ...queueOptions("m").plan,
      instances: [{
        name: "m_0",
        device: { kind: "CPU", id: 0 },
        resources: [{ name: "R", global: false, count: 1 }, { name: "G", global: true, count: 1 }]
      }]
    },
    Effect.map(Semaphore.make(1), (slots): Instances => ({
      count: 1,
      slots,
      run: () => Effect.never,
      lend: Effect.never,
      healthy: () => true
    }))
  ))).pipe(Layer.provideMerge(ConfiguredRateLimiter.layerWith({ mode: "execution_count" })))

const families = (
  options: PrometheusMetrics.Options & { readonly limited?: boolean },
  labels: { readonly tags?: Readonly<Record<string, string>>; readonly namespace?: string } = {}
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      PrometheusMetrics.layerWith(options).pipe(
        Layer.provideMerge(LocalStatistics.layerWith({ quantiles: options.quantiles !== undefined })),
        Layer.provide(options.limited === true ? Layer.orDie(limiter) : Layer.empty)
      )
    )
    const books = yield* Context.get(context, Statistics).open({ model: "m", version: 1, ...labels })
    books.loaded(1)
    return Exposition.parse(yield* Context.get(context, Metrics).exposition)
  })

const everything = { counterLatencies: true, histogramLatencies: true, quantiles: [0.5], limited: true }

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
      const emitted = yield* families(everything, { tags: { tag: "x" }, namespace: "n" })
      assert.deepStrictEqual(
        named.map(([name, type, labels]) => [name, type, labels!.replaceAll(/[[\]]/g, "")]),
        Array.from(emitted.values(), (family) => [family.name, family.type, labelNames(family)])
      )
    }))

  it.effect("brackets the labels that not every version has", () =>
    Effect.gen(function*() {
      const emitted = yield* families(everything)
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
          ["--rate-limit=execution_count", { counterLatencies: false, cpu: false, limited: true }],
          ["--allow-cpu-metrics", { counterLatencies: false }]
        ] as const
      ) {
        const more = [...(yield* families(options)).keys()].filter((name) => !plain.has(name))
        assert.deepStrictEqual(more, names(new RegExp(`^${condition}`)), condition)
      }
    }))

  it.effect("lists the reasons", () =>
    Effect.gen(function*() {
      const emitted = yield* families({})
      const listed = rows(/^[A-Z]+, |^[a-z]+_[a-z]+, /)
      assert.strictEqual(listed.length, 2)
      for (const [name, values] of listed) {
        assert.strictEqual(emitted.get(name!)!.samples.map(({ labels }) => labels["reason"]).join(", "), values)
      }
    }))
})

describe("names of metrics", () => {
  it.effect("are Triton's, the usual ones of a process, or galatea_ with their unit", () =>
    Effect.gen(function*() {
      for (const { help, name, type } of (yield* families(everything)).values()) {
        assert.match(name, /^(nv_|process_|galatea_)[a-z_]+$/)
        assert.isAbove(help.length, 10, name)
        if (name.startsWith("galatea_")) {
          assert.match(name, /_(seconds|bytes|size|requests|instances|total|units)$/)
          assert.strictEqual(name.endsWith("_total"), type === "counter", name)
        }
      }
    }))
})
