/** Prometheus' text format 0.0.4, written as Triton's client library does. Source: scheduling §9.3. */
import type { MetricFamily, MetricLabels } from "../../../schema/MetricFamily.ts"

const number = (value: number): string =>
  Number.isNaN(value) ? "Nan" : value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

/** With the label that tells the samples of a histogram or a summary apart, which comes last. @internal */
export const withLast = ({ text }: MetricLabels, name: "le" | "quantile", value: string): string =>
  text === "" ? `{${name}="${value}"}` : `${text.slice(0, -1)},${name}="${value}"}`

const samples = (family: MetricFamily, lines: Array<string>): void => {
  const { name } = family
  switch (family.type) {
    case "histogram":
      for (const { labels, value: { bounds, count, counts, sum } } of family.series) {
        lines.push(`${name}_count${labels.text} ${number(count)}`, `${name}_sum${labels.text} ${number(sum)}`)
        let cumulative = 0
        for (const [i, bound] of bounds.entries()) {
          cumulative += counts[i]!
          lines.push(`${name}_bucket${withLast(labels, "le", number(bound))} ${number(cumulative)}`)
        }
        lines.push(`${name}_bucket${withLast(labels, "le", "+Inf")} ${number(count)}`)
      }
      return
    case "summary":
      for (const { labels, value: { count, quantiles, sum } } of family.series) {
        lines.push(`${name}_count${labels.text} ${number(count)}`, `${name}_sum${labels.text} ${number(sum)}`)
        for (const [share, value] of quantiles) {
          lines.push(`${name}${withLast(labels, "quantile", number(share))} ${number(value)}`)
        }
      }
      return
    default:
      for (const { labels, value } of family.series) lines.push(`${name}${labels.text} ${number(value)}`)
  }
}

/** The text of all families, in their order. @category formatting */
export const render = (families: ReadonlyArray<MetricFamily>): string => {
  const lines: Array<string> = []
  for (const family of families) {
    lines.push(`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.type}`)
    samples(family, lines)
  }
  lines.push("")
  return lines.join("\n")
}
