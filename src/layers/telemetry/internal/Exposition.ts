/** Prometheus' text format 0.0.4, written as Triton's client library does. Source: scheduling §9.3. */
import type { Distribution } from "../../../services/Statistics.ts"
import type { SeriesLabels } from "./SeriesLabels.ts"

/** A metric of some name, with what its series are read from. @category models */
export interface Family<Source> {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram" | "summary"
  readonly help: string
  readonly write: (series: Series, source: Source) => void
}

/** One thing that has series in many families, such as a version. @category models */
export interface Reporter<Source> {
  readonly labels: SeriesLabels
  readonly source: Source
}

const number = (value: number): string =>
  Number.isNaN(value) ? "Nan" : value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

/** Takes the values of one family for one reporter. @category models */
export class Series {
  private readonly lines: Array<string> = []
  private readonly name: string
  private labels: SeriesLabels

  constructor(name: string, labels: SeriesLabels) {
    this.name = name
    this.labels = labels
  }

  of(labels: SeriesLabels): this {
    this.labels = labels
    return this
  }

  value(value: number): void {
    this.lines.push(`${this.name}${this.labels.text} ${number(value)}`)
  }

  /** One series for each value of a further label. */
  valueWith(label: string, labelValue: string, value: number): void {
    this.lines.push(`${this.name}${this.labels.with(label, labelValue)} ${number(value)}`)
  }

  distribution({ bounds, count, counts, sum }: Distribution): void {
    const { labels, lines, name } = this
    lines.push(`${name}_count${labels.text} ${number(count)}`, `${name}_sum${labels.text} ${number(sum)}`)
    let cumulative = 0
    for (const [i, bound] of bounds.entries()) {
      cumulative += counts[i]!
      lines.push(`${name}_bucket${labels.withLast("le", number(bound))} ${number(cumulative)}`)
    }
    lines.push(`${name}_bucket${labels.withLast("le", "+Inf")} ${number(count)}`)
  }

  summary(count: number, sum: number, quantiles: ReadonlyArray<readonly [share: number, value: number]>): void {
    const { labels, lines, name } = this
    lines.push(`${name}_count${labels.text} ${number(count)}`, `${name}_sum${labels.text} ${number(sum)}`)
    for (const [share, value] of quantiles) {
      lines.push(`${name}${labels.withLast("quantile", number(share))} ${number(value)}`)
    }
  }

  get text(): ReadonlyArray<string> {
    return this.lines
  }
}

/** The lines of one family; none when nobody reports anything. @category formatting */
export const render = <Source>(
  { help, name, type, write }: Family<Source>,
  reporters: ReadonlyArray<Reporter<Source>>
): ReadonlyArray<string> => {
  const first = reporters[0]
  if (first === undefined) return []
  const series = new Series(name, first.labels)
  for (const { labels, source } of reporters) write(series.of(labels), source)
  return series.text.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...series.text]
}
