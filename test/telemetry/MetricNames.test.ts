import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result, Semaphore } from "effect"
import { readFileSync } from "node:fs"
import { LossBook } from "../../src/layers/execution/internal/LossBook.ts"
import * as ConfiguredRateLimiter from "../../src/layers/scheduling/ConfiguredRateLimiter.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "../../src/layers/telemetry/PrometheusMetrics.ts"
import { ModelNotFound } from "../../src/schema/Errors.ts"
import { Access, type AccessState } from "../../src/services/Access.ts"
import { Certificates, make as makeCertificates } from "../../src/services/Certificates.ts"
import type { Instances } from "../../src/services/Executor.ts"
import { ExportCounts, type SignalCounts } from "../../src/services/ExportCounts.ts"
import { Metrics } from "../../src/services/Metrics.ts"
import { ModelRepository, type ResidencyFigures } from "../../src/services/ModelRepository.ts"
import { RateLimiter } from "../../src/services/RateLimiter.ts"
import { type Cache, ResponseCache } from "../../src/services/ResponseCache.ts"
import { Statistics } from "../../src/services/Statistics.ts"
import * as Exposition from "../integration/Exposition.ts"
import * as NvidiaSmi from "../integration/monitoring/NvidiaSmi.ts"
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

const cache: Cache = {
  open: ({ scheduler }) => Effect.succeed(scheduler),
  usage: () => ({
    local: { bytes: 1, capacity: 2, entries: 1, lookups: 3, hits: 1, evictions: 0, lookupNanos: 5, insertionNanos: 6 },
    redis: {
      up: true,
      hits: 1,
      misses: 2,
      skipped: 3,
      insertions: 4,
      dropped: 5,
      failures: { connection: 1, timeout: 2, reply: 3, value: 4 }
    },
    shared: 7
  })
}

const families = (
  options: PrometheusMetrics.Options & {
    readonly cache?: Cache
    readonly shadow?: boolean
    readonly sequences?: boolean
    readonly maxBatchSize?: number
    readonly instances?: number
    readonly residency?: boolean
    readonly limited?: boolean
    readonly exports?: boolean
    readonly access?: boolean
    readonly tls?: boolean
  },
  labels: { readonly tags?: Readonly<Record<string, string>>; readonly namespace?: string } = {}
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      PrometheusMetrics.layerWith({ gpu: false, ...options }).pipe(
        Layer.provide(options.residency === true ? repository : Layer.empty),
        Layer.provideMerge(LocalStatistics.layerWith({ quantiles: options.quantiles !== undefined })),
        Layer.provide(Layer.succeed(ResponseCache, options.cache)),
        Layer.provide(Layer.succeed(ExportCounts, { read: () => options.exports === true ? [exported] : [] })),
        Layer.provide(Layer.succeed(Access, options.access === true ? access : undefined)),
        Layer.provide(
          Layer.sync(Certificates, () => {
            const registry = makeCertificates()
            if (options.tls === true) registry.set("HTTP", 1e12)
            return registry
          })
        ),
        Layer.provide(options.limited === true ? Layer.orDie(limiter) : Layer.empty)
      )
    )
    const statistics = Context.get(context, Statistics)
    const { instances = 0, maxBatchSize = 0 } = options
    for (const cached of options.cache === undefined ? [false] : [false, true]) {
      const model = cached ? "cached" : "m"
      const books = yield* statistics.open({ model, version: 1, cached, maxBatchSize, instances, ...labels })
      books.loaded(1)
      if (instances > 0) books.observeInstances(() => new LossBook().condition(fine))
      if (options.shadow === true) books.shadowed("same")
      if (options.sequences === true) {
        books.observe(() => ({ waiting: 0, running: 0, sequences: { live: 3, waiting: 1, slots: 2 } }))
      }
    }
    const { exposition } = Context.get(context, Metrics)
    if (options.gpu === true) yield* NvidiaSmi.seen(exposition)
    return Exposition.parse(yield* exposition)
  })

const fine = {
  live: 2,
  pausedUntilNanos: undefined,
  memoryBytes: new Map([["m_0", 1], ["m_1", 2]]),
  placed: { inline: 1, thread: 0, process: 0 },
  moved: 0
}

const exported: SignalCounts = { signal: "traces", exported: 1, rejected: 2, failed: 3, dropped: 4, queued: 5 }

const access: AccessState = {
  admit: () => {
    throw new Error("nobody asks")
  },
  identify: () => {
    throw new Error("nobody asks")
  },
  usage: () => ({
    allowed: 1,
    refused: { unauthenticated: 1, forbidden: 2, rate_limited: 3, limiter_away: 4 },
    keys: { known: 1, reloads: 2, failures: 3 },
    clients: { remembered: 1, forgotten: 2, storeFailures: 3 }
  })
}

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

const everything = {
  counterLatencies: true,
  histogramLatencies: true,
  quantiles: [0.5],
  cache,
  shadow: true,
  sequences: true,
  maxBatchSize: 8,
  instances: 2,
  residency: true,
  limited: true,
  exports: true,
  access: true,
  tls: true
}

/** Everything, and a GPU. */
const all = Effect.map(NvidiaSmi.folder, (programPath) => ({ ...everything, gpu: true, programPath }))

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
  it.live("has each name, type and label that the server emits, in order of labels, and no other", () =>
    Effect.gen(function*() {
      const emitted = yield* families(yield* all, { tags: { tag: "x" }, namespace: "n" })
      assert.deepStrictEqual(
        named.map(([name, type, labels]) => [name, type, labels!.replaceAll(/[[\]]/g, "")]),
        Array.from(emitted.values(), (family) => [family.name, family.type, labelNames(family)])
      )
    }))

  it.live("brackets the labels that not every version has", () =>
    Effect.gen(function*() {
      const emitted = yield* families(yield* all)
      for (const [name, , labels] of named) {
        assert.strictEqual(
          labelNames(emitted.get(name!)!),
          labels!.split(", ").filter((label) => !label.startsWith("[")).join(", "),
          name
        )
      }
    }))

  it.live("says when a metric exists", () =>
    Effect.gen(function*() {
      const names = (condition: RegExp) => named.filter((cells) => condition.test(cells[4]!)).map(([name]) => name)
      const less = { counterLatencies: false, cpu: false }
      const plain = yield* families(less)
      assert.deepStrictEqual([...plain.keys()], names(/^always$/))
      for (
        const [condition, options] of [
          ["counter_latencies", { ...less, counterLatencies: true }],
          ["histogram_latencies", { ...less, histogramLatencies: true }],
          ["summary_latencies", { ...less, quantiles: [0.5] }],
          ["--allow-cpu-metrics", { ...less, cpu: true }],
          ["--allow-gpu-metrics", { ...less, gpu: true, programPath: yield* NvidiaSmi.folder }],
          ["--cache-config", { ...less, cache }],
          ["--rate-limit=execution_count", { ...less, limited: true }]
        ] as const
      ) {
        const more = [...(yield* families(options)).keys()].filter((name) => !plain.has(name))
        assert.deepStrictEqual(more, names(new RegExp(`^${condition}`)), condition)
      }
      for (
        const [condition, options] of [
          ["response_cache, counter_latencies", { ...less, counterLatencies: true }],
          ["response_cache, summary_latencies", { ...less, quantiles: [0.5] }]
        ] as const
      ) {
        const without = yield* families(options)
        const more = [...(yield* families({ ...options, cache })).keys()].filter((name) => !without.has(name))
        assert.deepStrictEqual(more, [...names(new RegExp(`^${condition}`)), ...names(/^--cache-config/)], condition)
      }
      const more = (emitted: ReadonlyMap<string, unknown>) => [...emitted.keys()].filter((name) => !plain.has(name))
      assert.deepStrictEqual(more(yield* families({ ...less, shadow: true })), names(/^in a shadow$/))
      assert.deepStrictEqual(more(yield* families({ ...less, sequences: true })), names(/^with sequences$/))
      assert.deepStrictEqual(more(yield* families({ ...less, exports: true })), names(/^with OTLP$/))
      assert.deepStrictEqual(more(yield* families({ ...less, tls: true })), names(/^with TLS$/))
      assert.deepStrictEqual(more(yield* families({ ...less, maxBatchSize: 8 })), names(/^with batches$/))
      assert.deepStrictEqual(more(yield* families({ ...less, instances: 2 })), names(/^with instances$/))
      assert.deepStrictEqual(more(yield* families({ ...less, residency: true })), names(/^with residency$/))
      assert.deepStrictEqual(more(yield* families({ ...less, access: true })), names(/^with access$/))
    }))

  it.effect("lists the reasons and outcomes", () =>
    Effect.gen(function*() {
      const emitted = yield* families({
        cache,
        shadow: true,
        residency: true,
        exports: true,
        access: true,
        instances: 2
      })
      const listed = rows(/^[A-Z]+, |^[a-z_]+, /)
      assert.strictEqual(listed.length, 10)
      for (const [name, values] of listed) {
        const shown = emitted.get(name!)!.samples
          .filter(({ labels }) => labels["model"] !== "cached")
          .map(({ labels }) => labels["reason"] ?? labels["outcome"])
        assert.strictEqual(shown.join(", "), values)
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
          assert.match(
            name,
            /_(seconds|bytes|size|requests|instances|versions|up|open|total|difference|units|sequences|slots|items|keys|clients)$/
          )
          assert.strictEqual(name.endsWith("_total"), type === "counter", name)
        }
      }
    }))
})
