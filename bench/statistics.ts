/**
 * What it costs to record a request: `node bench/statistics.ts`.
 *
 * Nanoseconds of one core for each call, the median of rounds, and the bytes that a call leaves to the garbage collector.
 */
import { Books } from "../src/layers/telemetry/internal/Books.ts"
import { withLast } from "../src/layers/telemetry/internal/Exposition.ts"
import { SeriesLabels } from "../src/layers/telemetry/internal/SeriesLabels.ts"

const rounds = 9
const calls = 1_000_000

const median = (values: Array<number>): number => values.sort((a, b) => a - b)[values.length >> 1]!

/** Durations of very different sizes, so that every bucket is met and nothing is predicted. */
const durations = Array.from({ length: 1024 }, (_, i) => Math.floor(10 ** (4 + ((i * 7919) % 1024) / 170)))
const times = durations.map((request, i) => ({
  request,
  queue: durations[(i + 100) % 1024]!,
  computeInput: durations[(i + 200) % 1024]!,
  computeInfer: durations[(i + 300) % 1024]!,
  computeOutput: durations[(i + 400) % 1024]!
}))

const measure = (title: string, call: (i: number) => void, count = calls): void => {
  const nanos: Array<number> = []
  const bytes: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const heap = process.memoryUsage().heapUsed
    const begin = performance.now()
    for (let i = 0; i < count; i++) call(i)
    nanos.push((performance.now() - begin) * 1e6 / count)
    bytes.push((process.memoryUsage().heapUsed - heap) / count)
  }
  process.stdout.write(
    `${title.padEnd(46)} ${median(nanos).toFixed(1).padStart(9)} ns ${
      Math.max(0, median(bytes)).toFixed(1).padStart(9)
    } B\n`
  )
}

const plain = new Books("m", 1, () => 0)
const quantiles = new Books("m", 1, () => 1e12, { quantiles: true })
const traced = new Books("m", 1, () => 1e12)
const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled: true }
const tags = new SeriesLabels({ model: "m", version: "1" })

measure("nothing but the loop", (i) => void times[i & 1023])
measure("succeeded", (i) => plain.succeeded(4, times[i & 1023]!))
measure("succeeded, with quantiles", (i) => quantiles.succeeded(4, times[i & 1023]!))
measure("succeeded, with a trace", (i) => traced.succeeded(4, times[i & 1023]!, trace))
measure("failed", (i) => plain.failed("BACKEND", times[i & 1023]!.request))
measure("executed", (i) => plain.executed((i & 15) + 1, times[i & 1023]!))
measure("refused", () => plain.refused("queue_full"))
measure("reading everything, for statistics and metrics", () => {
  plain.counts()
  plain.measures()
}, 10_000)
measure("the text of one label set", () => void withLast(tags, "le", "0.5"), 100_000)
