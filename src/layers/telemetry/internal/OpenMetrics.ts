/**
 * The text format of OpenMetrics 1.0.0: as Prometheus' own, with exemplars.
 *
 * A counter's samples must end in `_total` there. Those of Triton that do not keep their names, by which dashboards know them, and
 * are of the type `unknown`.
 */
import type { Exemplar, MetricFamily } from "../../../schema/MetricFamily.ts"
import { withLast } from "./Exposition.ts"

const total = "_total"

const number = (value: number): string =>
  Number.isNaN(value) ? "NaN" : value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

/** A number in a label, of which there is one spelling: a whole one has a point too. */
const canonical = (value: number): string => Number.isInteger(value) ? `${value}.0` : number(value)

const exemplar = (one: Exemplar | undefined): string =>
  one === undefined
    ? ""
    : ` # {trace_id="${one.traceId}",span_id="${one.spanId}"} ${number(one.value)} ${(one.atMillis / 1e3).toFixed(3)}`

const samples = (family: MetricFamily, lines: Array<string>): void => {
  const { name } = family
  switch (family.type) {
    case "histogram":
      for (const { labels, value: { bounds, count, counts, exemplars, sum } } of family.series) {
        let cumulative = 0
        for (const [i, bound] of bounds.entries()) {
          cumulative += counts[i]!
          lines.push(
            `${name}_bucket${withLast(labels, "le", canonical(bound))} ${number(cumulative)}${exemplar(exemplars?.[i])}`
          )
        }
        lines.push(
          `${name}_bucket${withLast(labels, "le", "+Inf")} ${number(count)}${exemplar(exemplars?.[bounds.length])}`,
          `${name}_count${labels.text} ${number(count)}`,
          `${name}_sum${labels.text} ${number(sum)}`
        )
      }
      return
    case "summary":
      for (const { labels, value: { count, quantiles, sum } } of family.series) {
        for (const [share, value] of quantiles) {
          lines.push(`${name}${withLast(labels, "quantile", canonical(share))} ${number(value)}`)
        }
        lines.push(`${name}_count${labels.text} ${number(count)}`, `${name}_sum${labels.text} ${number(sum)}`)
      }
      return
    default:
      for (const { labels, value } of family.series) lines.push(`${name}${labels.text} ${number(value)}`)
  }
}

/** The name of a family, which a counter's samples have with `_total`, and its type. */
const head = ({ name, type }: MetricFamily): readonly [name: string, type: string] => {
  if (type !== "counter") return [name, type]
  return name.endsWith(total) ? [name.slice(0, -total.length), type] : [name, "unknown"]
}

/** The text of all families, in their order. @category formatting */
export const render = (families: ReadonlyArray<MetricFamily>): string => {
  const lines: Array<string> = []
  for (const family of families) {
    const [name, type] = head(family)
    lines.push(`# TYPE ${name} ${type}`)
    const unit = unitOf(name)
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`)
    lines.push(`# HELP ${name} ${family.help}`)
    samples(family, lines)
  }
  lines.push("# EOF", "")
  return lines.join("\n")
}

const unitOf = (name: string): string | undefined => /_(seconds|bytes)$/.exec(name)?.[1]
