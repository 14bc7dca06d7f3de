/** Metrics of the resources that instances share. */
import type { ResourceLevel } from "../../../services/RateLimiter.ts"
import type { Family, Reporter } from "./Families.ts"
import { SeriesLabels } from "./SeriesLabels.ts"

const gauge = (name: string, help: string, value: (level: ResourceLevel) => number): Family<ResourceLevel> => ({
  name,
  type: "gauge",
  help,
  write: (series, level) => series.value(value(level))
})

/** @category constructors */
export const families: ReadonlyArray<Family<ResourceLevel>> = [
  gauge("galatea_rate_limiter_available_units", "How much there is of a resource, granted or not.", ({ size }) => size),
  gauge(
    "galatea_rate_limiter_granted_units",
    "How much of a resource is granted to instances that run, or are about to.",
    ({ granted }) => granted
  ),
  gauge(
    "galatea_rate_limiter_waiting_instances",
    "Instances that have something to run and stand in line, and need some of a resource.",
    ({ waiting }) => waiting
  )
]

/** Each pool by the name of its resource and its device, `all` where it is the one for the whole server. @category getters */
export const reporters = (
  levels: ReadonlyArray<ResourceLevel>,
  sinceMillis: number
): ReadonlyArray<Reporter<ResourceLevel>> =>
  levels.map((level) => ({
    labels: new SeriesLabels({
      resource: level.name,
      device: level.device === undefined ? "all" : String(level.device)
    }),
    sinceMillis,
    source: level
  }))
