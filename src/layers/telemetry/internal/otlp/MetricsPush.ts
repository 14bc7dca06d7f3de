/** Pushes all metrics now and then. */
import { Clock, Effect } from "effect"
import type { Distribution, MetricFamily, MetricSeries } from "../../../../schema/MetricFamily.ts"
import type { MetricsExporter } from "../../../../services/MetricsExport.ts"
import * as Version from "../../../Version.ts"
import type { FlushTime } from "./FlushTime.ts"
import { MetricDeltas } from "./MetricDeltas.ts"
import * as MetricsJson from "./MetricsJson.ts"
import * as MetricsProtobuf from "./MetricsProtobuf.ts"
import { items, type MetricsRequest, split } from "./MetricsRequest.ts"
import type { Serializer } from "./Serializer.ts"
import type { Transport } from "./Transport.ts"

/** @category models */
export interface Options {
  readonly transport: Pick<Transport<MetricsRequest>, "send">
  readonly resource: MetricsRequest["resource"]
  /** From one push to the next; a push that takes longer delays the next one. */
  readonly intervalMillis: number
  /** For one push with all its messages. */
  readonly timeoutMillis: number
  /** The last push, when the server ends, has half of it at most: the other signals end later. */
  readonly flush: FlushTime
  /** `lowmemory`: differences of histograms alone, the way counters are read here being the same for both. */
  readonly temporality: "cumulative" | "delta" | "lowmemory"
  /** Traces of values are sent with histograms. */
  readonly exemplars: boolean
  /** Series in one message. Default 2000, which takes less than a megabyte. */
  readonly maxSeries?: number
}

/** How metrics are written. @category constants */
export const serializer: Serializer<MetricsRequest> = {
  items,
  protobuf: MetricsProtobuf.encode,
  json: MetricsJson.encode
}

const differences: Readonly<Record<Options["temporality"], ReadonlySet<MetricFamily["type"]>>> = {
  cumulative: new Set(),
  delta: new Set(["counter", "histogram"]),
  lowmemory: new Set(["histogram"])
}

/** Histograms with the exemplars that came after `sinceMillis` alone: each is sent once. */
const withNew = (families: ReadonlyArray<MetricFamily>, sinceMillis: number): ReadonlyArray<MetricFamily> =>
  families.map((family) =>
    family.type === "histogram"
      ? { ...family, series: family.series.map((series) => newExemplars(series, sinceMillis)) }
      : family
  )

const newExemplars = (series: MetricSeries<Distribution>, sinceMillis: number): MetricSeries<Distribution> => {
  const { exemplars, ...value } = series.value
  if (exemplars === undefined) return series
  return {
    ...series,
    value: {
      ...value,
      exemplars: exemplars.map((one) => one !== undefined && one.atMillis > sinceMillis ? one : undefined)
    }
  }
}

/** Of the time that the end has. */
const lastShare = 0.5

/** The transport counts and tells what fails: nothing does here. @category constructors */
export const make = (options: Options): MetricsExporter => ({
  start: Effect.fnUntraced(function*(read) {
    const kinds = differences[options.temporality]
    const deltas = new MetricDeltas()
    let before = -Infinity

    const push = Effect.gen(function*() {
      const atMillis = yield* Clock.currentTimeMillis
      const all = deltas.next(read(), kinds, atMillis)
      const families = withNew(all, options.exemplars ? before : Infinity)
      before = atMillis
      for (const part of split(families, options.maxSeries ?? 2000)) {
        yield* options.transport.send({
          resource: options.resource,
          version: Version.current,
          atMillis,
          counters: kinds.has("counter") ? "delta" : "cumulative",
          histograms: kinds.has("histogram") ? "delta" : "cumulative",
          families: part
        })
      }
    })
    const within = (millis: number) => Effect.asVoid(Effect.timeoutOption(push, millis))
    // Runs after the fiber below was ended: two pushes at once would count the same differences twice.
    yield* Effect.addFinalizer(() => options.flush.within(within(options.timeoutMillis), lastShare))
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(Effect.sleep(options.intervalMillis), within(options.timeoutMillis)))
    )
  })
})
