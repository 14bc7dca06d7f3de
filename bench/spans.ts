/**
 * What it costs to make spans of a request and to export them, without the request itself: a front end's and a model's notes of it,
 * in this process, as of batches of two over 32 connections.
 *
 * Usage: node bench/spans.ts
 */
import { Clock, Effect, Tracer } from "effect"
import type { IncomingMessage } from "node:http"
import * as CallFacts from "../src/layers/frontend/internal/http/CallFacts.ts"
import { type Arriving, HttpArrival } from "../src/layers/frontend/internal/http/HttpArrival.ts"
import * as OtlpTelemetry from "../src/layers/telemetry/OtlpTelemetry.ts"
import * as RequestSpans from "../src/layers/telemetry/spans/RequestSpans.ts"
import type { BatchRun } from "../src/schema/RequestTrace.ts"
import { ExportCounts } from "../src/services/ExportCounts.ts"
import { median } from "./lifecycle/report.ts"
import { yardstick } from "./server.ts"

const rounds = 7
/** Requests of a round: as many bursts as it takes, which are sent before the next one. */
const bursts = 40
const perBurst = 1000
/** Fewer spans than these leave only after a while. */
const batch = 512

/** A request of a connection, as its call tells of it. */
class Asked implements Arriving {
  readonly request: IncomingMessage
  readonly captures = { model: "simple", version: "", region: "", repository: "" }

  constructor(port: number) {
    this.request = {
      url: "/v2/models/simple/infer",
      httpVersion: "1.1",
      headers: { host: "127.0.0.1:8000" },
      socket: { remoteAddress: "127.0.0.1", remotePort: port, localAddress: "127.0.0.1", localPort: 8000 }
    } as IncomingMessage
  }

  facts() {
    return CallFacts.of(this.request, this.captures)
  }
}

const requests = Array.from({ length: 32 }, (_, i) => new Asked(40_000 + i))

const now = (): number => Number(process.hrtime.bigint())

const measure = (variables: Readonly<Record<string, string>>): Effect.Effect<number> =>
  Effect.gen(function*() {
    const { begin } = yield* RequestSpans.make({ tracer: yield* Tracer.Tracer })
    const counts = yield* ExportCounts
    const queued = () => counts.read().reduce((sum, { queued }) => sum + queued, 0)
    const clock = yield* Clock.Clock

    const arrive = (asked: Asked) => {
      const arrival = new HttpArrival(asked, clock)
      const trace = begin(arrival)
      if (trace === undefined) return undefined
      trace.mark("HTTP_RECV_START", arrival.atNanos)
      trace.mark("HTTP_RECV_END")
      const model = trace.model({ model: "simple", version: 1, requestId: "", sequenceId: undefined })
      model.queued(now())
      return { trace, model }
    }

    /** Two requests, which are one batch. */
    const two = (first: Asked, second: Asked): void => {
      const traced = [arrive(first), arrive(second)].filter((one) => one !== undefined)
      if (traced.length === 0) return
      const begunAtNanos = now()
      const run: BatchRun = {
        model: "simple",
        version: 1,
        instance: "simple_0_0",
        rows: 2,
        requests: 2,
        begunAtNanos,
        endedAtNanos: begunAtNanos + 9000,
        computeInputNanos: 1000,
        computeInferNanos: 7000,
        computeOutputNanos: 1000,
        observer: undefined
      }
      for (const { model } of traced) model.ran(run)
      run.observer?.ended()
      for (const { model, trace } of traced) {
        model.ended()
        trace.mark("INFER_RESPONSE_COMPLETE")
        trace.mark("HTTP_SEND_START")
        trace.mark("HTTP_SEND_END")
        trace.ended({ status: 200 })
      }
    }

    const round = async (): Promise<number> => {
      const before = process.cpuUsage()
      for (let burst = 0; burst < bursts; burst++) {
        for (let i = 0; i < perBurst; i += 2) two(requests[i % 32]!, requests[(i + 1) % 32]!)
        do await new Promise((done) => setTimeout(done, 5))
        while (queued() >= batch)
      }
      const { system, user } = process.cpuUsage(before)
      return (user + system) / (bursts * perBurst)
    }

    yield* Effect.promise(round)
    const micros: Array<number> = []
    for (let i = 0; i < rounds; i++) micros.push(yield* Effect.promise(round))
    return median(micros)
  }).pipe(Effect.provide(OtlpTelemetry.layer({ variables })), Effect.orDie)

const sink = await yardstick("otlpSink.ts", [])
const all = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.line}`,
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
  // A burst fits: none is left out.
  OTEL_BSP_MAX_QUEUE_SIZE: "8192",
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: String(batch)
}
const sampled = (share: string) => ({
  ...all,
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: share
})
try {
  process.stdout.write("| requests traced | processor time for each request |\n| --- | --- |\n")
  for (const [what, variables] of [["all", all], ["1 %", sampled("0.01")], ["none", sampled("0")]] as const) {
    const micros = await Effect.runPromise(measure(variables))
    process.stdout.write(`| ${what} | ${micros.toFixed(2)} µs |\n`)
  }
} finally {
  sink.stop()
}
