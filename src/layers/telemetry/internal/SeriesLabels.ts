/** The labels of a series as text, made once and used for every exposition. */
import type { MetricLabels } from "../../../schema/MetricFamily.ts"
import { compareNames } from "../../../schema/ModelSignature.ts"
import type { VersionBooks } from "../../../services/Statistics.ts"

const escape = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

const render = (pairs: ReadonlyArray<readonly [name: string, value: string]>): string =>
  pairs.map(([name, value]) => `${name}="${escape(value)}"`).join(",")

/** Names in bytewise order. @category models */
export class SeriesLabels implements MetricLabels {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>
  readonly text: string
  private readonly extended = new Map<string, SeriesLabels>()

  constructor(labels: Readonly<Record<string, string>>) {
    this.pairs = Object.entries(labels).toSorted(([a], [b]) => compareNames(a, b))
    this.text = this.pairs.length === 0 ? "" : `{${render(this.pairs)}}`
  }

  /** With one more label, in its place among the others; made once for each value, of which there must be few. */
  with(name: string, value: string): SeriesLabels {
    const key = `${name}=${value}`
    const known = this.extended.get(key)
    if (known !== undefined) return known
    const made = new SeriesLabels({ ...Object.fromEntries(this.pairs), [name]: value })
    this.extended.set(key, made)
    return made
  }
}

/** The label of a tag: characters that labels cannot have become underscores, and `__name__` stays the metric's own. */
const tagLabel = (tag: string): string => {
  const label = `_${tag.replaceAll(/[^a-zA-Z0-9_]/g, "_")}`
  return label === "__name__" ? "_name_" : label
}

/** Source: scheduling §9.1. @category constructors */
export const ofVersion = ({ model, namespace, tags, version }: VersionBooks): SeriesLabels =>
  new SeriesLabels({
    ...Object.fromEntries(Object.entries(tags).map(([tag, value]) => [tagLabel(tag), value])),
    model,
    version: String(version),
    ...(namespace === undefined ? {} : { namespace })
  })
