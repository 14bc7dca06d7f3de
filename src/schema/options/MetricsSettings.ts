/** What the settings of `--metrics-config` say together. Source: scheduling §9. */
import { Result } from "effect"
import { bool, type ScopedSetting } from "./ValueTypes.ts"

/** A share of requests, and by how much its rank may be off; both between 0 and 1. @category models */
export interface Quantile {
  readonly share: number
  readonly error: number
}

/** @category models */
export interface MetricsSettings {
  /** Counters of microseconds. */
  readonly counterLatencies: boolean
  /** The histogram of first responses. */
  readonly histogramLatencies: boolean
  /** Summaries of microseconds. */
  readonly summaryLatencies: boolean
  readonly summaryQuantiles: ReadonlyArray<Quantile>
}

const defaults: MetricsSettings = {
  counterLatencies: true,
  histogramLatencies: false,
  summaryLatencies: false,
  summaryQuantiles: [
    { share: 0.5, error: 0.05 },
    { share: 0.9, error: 0.01 },
    { share: 0.95, error: 0.001 },
    { share: 0.99, error: 0.001 },
    { share: 0.999, error: 0.001 }
  ]
}

const switches = new Map(
  [
    ["counter_latencies", "counterLatencies"],
    ["histogram_latencies", "histogramLatencies"],
    ["summary_latencies", "summaryLatencies"]
  ] as const
)

const isSwitch = (key: string): key is Parameters<typeof switches.get>[0] =>
  (switches as ReadonlyMap<string, string>).has(key)

/** What stands before the equals sign. */
const keyOf = ({ key, scope }: ScopedSetting): string => scope === "" ? key : `${scope},${key}`

const isShare = (text: string): boolean => text.trim() !== "" && Number(text) >= 0 && Number(text) <= 1

const readQuantile = (item: string): Result.Result<Quantile, string> => {
  const colon = item.indexOf(":")
  if (colon === -1) {
    return Result.fail(`Invalid option: [${item}]. No ':' delimiter found. Expected format is <quantile>:<error>`)
  }
  const [share, error] = [item.slice(0, colon), item.slice(colon + 1)]
  return isShare(share) && isShare(error)
    ? Result.succeed({ share: Number(share), error: Number(error) })
    : Result.fail(`Invalid option: [${item}]. Both sides of the ':' must be numbers from 0 to 1`)
}

/** Of each key the last setting counts. @category conversions */
export const read = (given: ReadonlyArray<ScopedSetting>): MetricsSettings => {
  const settings: { -readonly [Key in keyof MetricsSettings]: MetricsSettings[Key] } = { ...defaults }
  for (const setting of given) {
    const key = keyOf(setting)
    if (isSwitch(key)) {
      const value = bool.read(setting.value)
      if (Result.isSuccess(value)) settings[switches.get(key)!] = value.success.value
    } else if (key === "summary_quantiles") {
      settings.summaryQuantiles = quantiles(setting.value)[1]
    }
  }
  return settings
}

const quantiles = (text: string): readonly [skipped: ReadonlyArray<string>, quantiles: ReadonlyArray<Quantile>] => {
  const skipped: Array<string> = []
  const found = new Map<number, Quantile>()
  for (const item of text.split(",")) {
    const quantile = readQuantile(item)
    if (Result.isFailure(quantile)) skipped.push(quantile.failure)
    else if (!found.has(quantile.success.share)) found.set(quantile.success.share, quantile.success)
  }
  return [skipped, [...found.values()]]
}

/** Why a setting cannot be accepted, as the reason line of a `Bad option` error. @category value types */
export const refuse = (given: ReadonlyArray<ScopedSetting>): string | undefined => {
  for (const setting of given) {
    if (!isSwitch(keyOf(setting))) continue
    const value = bool.read(setting.value)
    if (Result.isFailure(value)) return `${value.failure}\n${keyOf(setting)} is true or false.`
  }
  return undefined
}

/** What of the settings is passed over, as the end of a warning. @category value types */
export const warn = (given: ReadonlyArray<ScopedSetting>): string | undefined => {
  const unknown = given.map(keyOf).filter((key) => !isSwitch(key) && key !== "summary_quantiles")
  const skipped = given.flatMap((setting) => keyOf(setting) === "summary_quantiles" ? quantiles(setting.value)[0] : [])
  const parts = [
    ...(unknown.length === 0 ? [] : [`does not know ${unknown.map((key) => `'${key}'`).join(", ")}`]),
    ...(skipped.length === 0 ? [] : [`skips an item: ${skipped.join("; ")}`])
  ]
  return parts.length === 0 ? undefined : parts.join(", and ")
}
