/**
 * What it costs to record a request: `node bench/statistics.ts`.
 *
 * Nanoseconds of processor time for each request, the median of rounds, and the bytes that it leaves to the garbage collector. A request
 * that a run has answered is noted down in the call, and summed up in one of the calls after it: both are in the figure.
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

/** Microseconds of processor time that this thread has used. */
const used = (): number => {
  const { system, user } = process.threadCpuUsage()
  return system + user
}

/** Of `requests` recorded in each call. */
const measure = (title: string, call: (i: number) => void, count = calls, requests = 1): void => {
  const nanos: Array<number> = []
  const bytes: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const heap = process.memoryUsage().heapUsed
    const begin = used()
    for (let i = 0; i < count; i++) call(i)
    nanos.push((used() - begin) * 1e3 / count / requests)
    bytes.push((process.memoryUsage().heapUsed - heap) / count / requests)
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

/** Monotonic nanoseconds at which every run has ended. */
const endedAt = 1e14

/** Runs over so many requests each. */
const batches = (size: number) =>
  times.map((run, i) => ({
    requests: Array.from({ length: size }, (_, n) => ({
      arrivedAt: endedAt - durations[(i + n) & 1023]!,
      rows: 4,
      trace: undefined
    })),
    run: {
      begunAtNanos: endedAt - run.queue,
      computeInputNanos: run.computeInput,
      computeInferNanos: run.computeInfer,
      computeOutputNanos: run.computeOutput
    }
  }))

const answered = (all: ReturnType<typeof batches>) => (i: number): void => {
  const { requests, run } = all[i & 1023]!
  plain.answered(requests, run, endedAt)
}

measure("nothing but the loop", (i) => void times[i & 1023])
measure("answered, alone", answered(batches(1)))
measure("answered, with three others", answered(batches(4)), calls / 4, 4)
measure("answered, with fifteen others", answered(batches(16)), calls / 16, 16)
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
