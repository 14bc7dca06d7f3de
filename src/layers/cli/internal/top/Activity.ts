/** What a server did between two readings. */
import { type Buckets, keyOf, type Reading, type VersionReading } from "./Reading.ts"

/** A model or a version that the server names, whether it is loaded or not. @internal */
export interface Listed {
  readonly model: string
  /** `undefined`: the server names none. */
  readonly version: string | undefined
  readonly state: string
}

/** One version. `undefined`: not known, or not known yet. @internal */
export interface VersionActivity {
  readonly model: string
  readonly version: string
  readonly state: string | undefined
  readonly requestsPerSecond: number | undefined
  readonly failuresPerSecond: number | undefined
  readonly rejectionsPerSecond: number | undefined
  /** Seconds. */
  readonly median: number | undefined
  readonly p99: number | undefined
  /** Seconds in the queue. */
  readonly waitP99: number | undefined
  /** Rows of an execution, on average. */
  readonly batch: number | undefined
  /** How full executions are on average, from 0 to 1. */
  readonly fullness: number | undefined
  /** What it is at this moment. */
  readonly now: VersionReading | undefined
}

/** @internal */
export interface Activity {
  /** Seconds between the readings; `undefined`: there is only one as yet. */
  readonly seconds: number | undefined
  /** Share of one processor. */
  readonly cpu: number | undefined
  readonly residentBytes: number | undefined
  readonly versions: ReadonlyArray<VersionActivity>
}

/**
 * The number that a share of the values does not exceed, as Prometheus estimates it: evenly spread within a bucket; in the last one
 * its lower bound. `undefined` without values.
 *
 * @internal
 */
export const quantile = (share: number, { bounds, counts }: Buckets): number | undefined => {
  const total = counts.at(-1) ?? 0
  if (total <= 0) return undefined
  const rank = share * total
  const i = counts.findIndex((count) => count >= rank)
  const low = i === 0 ? 0 : bounds[i - 1]!
  if (bounds[i] === Infinity) return low
  const before = i === 0 ? 0 : counts[i - 1]!
  return low + (bounds[i]! - low) * (rank - before) / (counts[i]! - before)
}

const difference = (before: Buckets | undefined, now: Buckets | undefined): Buckets | undefined =>
  before === undefined || now === undefined || before.counts.length !== now.counts.length
    ? undefined
    : { bounds: now.bounds, counts: now.counts.map((count, i) => count - before.counts[i]!) }

const counters = ["requests", "failures", "rejections", "rows", "executions"] as const

/** It was loaded again in between: nothing is known of how much came. */
const beganAnew = (before: VersionReading, now: VersionReading): boolean =>
  counters.some((name) => now[name] < before[name])

const versionActivity = (
  before: VersionReading | undefined,
  now: VersionReading,
  seconds: number | undefined,
  state: string | undefined
): VersionActivity => {
  const { model, version } = now
  if (before === undefined || seconds === undefined || beganAnew(before, now)) {
    return { ...unknown, model, version, state, now }
  }
  const durations = difference(before.durations, now.durations)
  const waits = difference(before.waits, now.waits)
  const executions = now.executions - before.executions
  const batch = executions === 0 ? undefined : (now.rows - before.rows) / executions
  return {
    model,
    version,
    state,
    requestsPerSecond: (now.requests - before.requests) / seconds,
    failuresPerSecond: (now.failures - before.failures) / seconds,
    rejectionsPerSecond: (now.rejections - before.rejections) / seconds,
    median: durations === undefined ? undefined : quantile(0.5, durations),
    p99: durations === undefined ? undefined : quantile(0.99, durations),
    waitP99: waits === undefined ? undefined : quantile(0.99, waits),
    batch,
    fullness: batch === undefined || now.maxBatchSize === undefined ? undefined : batch / now.maxBatchSize,
    now
  }
}

const unknown = {
  requestsPerSecond: undefined,
  failuresPerSecond: undefined,
  rejectionsPerSecond: undefined,
  median: undefined,
  p99: undefined,
  waitP99: undefined,
  batch: undefined,
  fullness: undefined
}

/** `listed`: what the server says it has; `undefined` where it does not say. @internal */
export const between = (
  before: Reading | undefined,
  now: Reading,
  listed: ReadonlyArray<Listed> | undefined
): Activity => {
  const usable = before !== undefined && before.startSeconds === now.startSeconds ? before : undefined
  const seconds = usable === undefined ? undefined : (now.atNanos - usable.atNanos) / 1e9
  const states = new Map(
    (listed ?? []).map(({ model, state, version = "" }) => [keyOf(model, version), state] as const)
  )
  const versions: Array<VersionActivity> = []
  const shown = new Set<string>()
  for (const [key, version] of now.versions) {
    const name = keyOf(version.model, version.version)
    shown.add(name)
    versions.push(versionActivity(usable?.versions.get(key), version, seconds, states.get(name)))
  }
  for (const { model, state, version = "" } of listed ?? []) {
    if (shown.has(keyOf(model, version))) continue
    versions.push({ ...unknown, model, version, state, now: undefined })
  }
  const cpu = usable?.cpuSeconds === undefined || now.cpuSeconds === undefined || seconds === undefined
    ? undefined
    : (now.cpuSeconds - usable.cpuSeconds) / seconds
  return { seconds, cpu, residentBytes: now.residentBytes, versions }
}
