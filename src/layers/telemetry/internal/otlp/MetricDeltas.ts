/** What came to series since they were looked at before. */
import type { Distribution, MetricFamily, MetricSeries } from "../../../../schema/MetricFamily.ts"

type Seen = MetricSeries<number | Distribution>

/** Remembers the series of one look: as many as there are, and none that are gone. @category models */
export class MetricDeltas {
  private seen: ReadonlyMap<string, Seen> = new Map()
  private seenAtMillis = 0

  /**
   * Counters and histograms of these kinds with what came to them, without those to which nothing came; the others as they are. A
   * series that began anew, or is new, counts from its beginning.
   */
  next(
    families: ReadonlyArray<MetricFamily>,
    kinds: ReadonlySet<MetricFamily["type"]>,
    atMillis: number
  ): ReadonlyArray<MetricFamily> {
    const seen = new Map<string, Seen>()
    const changed: Array<MetricFamily> = []
    for (const family of families) {
      if (!kinds.has(family.type) || family.type === "summary") {
        changed.push(family)
        continue
      }
      const series: Array<Seen> = []
      for (const one of family.series) {
        const key = `${family.name}${one.labels.text}`
        seen.set(key, one)
        const delta = this.since(this.seen.get(key), one)
        if (delta !== undefined) series.push(delta)
      }
      if (series.length > 0) changed.push({ ...family, series } as MetricFamily)
    }
    this.seen = seen
    this.seenAtMillis = atMillis
    return changed
  }

  private since(before: Seen | undefined, now: Seen): Seen | undefined {
    if (before === undefined || before.sinceMillis !== now.sinceMillis || totalOf(now) < totalOf(before)) {
      return totalOf(now) === 0 ? undefined : now
    }
    if (totalOf(now) === totalOf(before)) return undefined
    return { ...now, sinceMillis: this.seenAtMillis, value: difference(before.value, now.value) }
  }
}

const totalOf = ({ value }: Seen): number => typeof value === "number" ? value : value.count

const difference = (before: Seen["value"], now: Seen["value"]): number | Distribution => {
  if (typeof now === "number" || typeof before === "number") return Number(now) - Number(before)
  return {
    ...now,
    counts: now.counts.map((count, i) => count - before.counts[i]!),
    count: now.count - before.count,
    sum: now.sum - before.sum
  }
}
