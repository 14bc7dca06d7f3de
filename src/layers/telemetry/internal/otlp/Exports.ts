/** Everything that a plan says is exported, as services. It loads OpenTelemetry: import it only where something is exported. */
import { SDK_INFO } from "@opentelemetry/core"
import { Effect, Layer } from "effect"
import { ExportCounts, type Signal } from "../../../../services/ExportCounts.ts"
import { MetricsExport } from "../../../../services/MetricsExport.ts"
import type { InvalidExport } from "./Certificates.ts"
import { FlushTime } from "./FlushTime.ts"
import * as Logs from "./Logs.ts"
import * as MetricsPush from "./MetricsPush.ts"
import * as Outlet from "./Outlet.ts"
import type { MetricsPlan, Plan } from "./Plan.ts"
import type { ResourceAttributes } from "./Resource.ts"
import { SignalBook } from "./SignalBook.ts"
import * as Traces from "./Traces.ts"

/** @category models */
export interface Options {
  readonly plan: Plan
  readonly write: Outlet.Write
  /** How long the end waits for what is still to be sent, of all signals together. */
  readonly flushMillis: number
}

/** What all signals have. */
interface Common {
  readonly resource: ResourceAttributes
  readonly book: SignalBook
  readonly write: Outlet.Write
  readonly flush: FlushTime
}

const metricsLayer = (plan: MetricsPlan, { book, flush, resource, write }: Common) =>
  Layer.effect(
    MetricsExport,
    Effect.gen(function*() {
      const { start } = MetricsPush.make({
        transport: yield* Outlet.make(plan, MetricsPush.serializer, book, write),
        resource,
        intervalMillis: plan.intervalMillis,
        timeoutMillis: plan.timeoutMillis,
        flush,
        temporality: plan.temporality,
        exemplars: plan.exemplars
      })
      return {
        // The last push comes after this: it has no time for further tries.
        start: (read) =>
          Effect.andThen(start(read), Effect.addFinalizer(() => Effect.sync(() => book.leaving.openUnsafe())))
      }
    })
  )

/** @category layers */
export const layer = ({ flushMillis, plan, write }: Options): Layer.Layer<never, InvalidExport> => {
  const resource: ResourceAttributes = {
    ...plan.resource,
    "telemetry.sdk.name": SDK_INFO["telemetry.sdk.name"],
    "telemetry.sdk.language": SDK_INFO["telemetry.sdk.language"],
    "telemetry.sdk.version": SDK_INFO["telemetry.sdk.version"]
  }
  const flush = new FlushTime(flushMillis)
  const books: Array<SignalBook> = []
  const common = (signal: Signal): Common => {
    const book = new SignalBook(signal)
    books.push(book)
    return { resource, book, write, flush }
  }
  return Layer.mergeAll(
    Layer.succeed(ExportCounts, { read: () => books.map(({ counts }) => counts) }),
    plan.traces === undefined ? Layer.empty : Traces.layer({ ...common("traces"), plan: plan.traces }),
    plan.metrics === undefined ? Layer.empty : metricsLayer(plan.metrics, common("metrics")),
    plan.logs === undefined ? Layer.empty : Logs.layer({ ...common("logs"), plan: plan.logs })
  )
}
