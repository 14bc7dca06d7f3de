/** Families of metrics, filled by those who have series in them. */
import type { Distribution, MetricFamily, MetricLabels, MetricSeries, Summary } from "../../../schema/MetricFamily.ts"
import type { SeriesLabels } from "./SeriesLabels.ts"

/** A metric of some name, with what its series are read from. @category models */
export interface Family<Source> {
  readonly name: string
  readonly type: MetricFamily["type"]
  readonly help: string
  readonly write: (series: Series, source: Source) => void
}

/** One thing that has series in many families, such as a version. @category models */
export interface Reporter<Source> {
  readonly labels: SeriesLabels
  /** Milliseconds since 1970 from which on it counts. */
  readonly sinceMillis: number
  readonly source: Source
}

type Value = number | Distribution | Summary

/** Takes the values of one family for one reporter. @category models */
export class Series {
  readonly all: Array<MetricSeries<Value>> = []
  private labels: SeriesLabels
  private sinceMillis: number

  constructor(reporter: Reporter<unknown>) {
    this.labels = reporter.labels
    this.sinceMillis = reporter.sinceMillis
  }

  of(reporter: Reporter<unknown>): this {
    this.labels = reporter.labels
    this.sinceMillis = reporter.sinceMillis
    return this
  }

  /** `sinceMillis` where it counts from another time than the reporter's other series. */
  value(value: number, sinceMillis = this.sinceMillis): void {
    this.all.push({ labels: this.labels, sinceMillis, value })
  }

  /** One series for each value of a further label. */
  valueWith(label: string, labelValue: string, value: number): void {
    this.add(this.labels.with(label, labelValue), value)
  }

  distribution(distribution: Distribution): void {
    this.add(this.labels, distribution)
  }

  summary(count: number, sum: number, quantiles: Summary["quantiles"]): void {
    this.add(this.labels, { count, sum, quantiles })
  }

  private add(labels: MetricLabels, value: Value): void {
    this.all.push({ labels, sinceMillis: this.sinceMillis, value })
  }
}

/** Each family with the series of all reporters; none of those in which nobody reports anything. @category getters */
export const collect = <Source>(
  families: ReadonlyArray<Family<Source>>,
  reporters: ReadonlyArray<Reporter<Source>>
): ReadonlyArray<MetricFamily> => {
  const first = reporters[0]
  if (first === undefined) return []
  const collected: Array<MetricFamily> = []
  for (const { help, name, type, write } of families) {
    const series = new Series(first)
    for (const reporter of reporters) write(series.of(reporter), reporter.source)
    // What a family writes is of its type: that of a histogram writes distributions.
    if (series.all.length > 0) collected.push({ name, type, help, series: series.all } as MetricFamily)
  }
  return collected
}
