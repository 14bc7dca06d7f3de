/** The labels of a series as text, made once and used for every exposition. */
import { compareNames } from "../../../schema/ModelSignature.ts"
import type { VersionBooks } from "../../../services/Statistics.ts"

const escape = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"")

const render = (pairs: ReadonlyArray<readonly [name: string, value: string]>): string =>
  pairs.map(([name, value]) => `${name}="${escape(value)}"`).join(",")

/** Names in bytewise order. @category models */
export class SeriesLabels {
  /** All of them with braces; `""` for none. */
  readonly text: string
  private readonly pairs: ReadonlyArray<readonly [name: string, value: string]>
  private readonly inner: string
  private readonly extended = new Map<string, string>()

  constructor(labels: Readonly<Record<string, string>>) {
    this.pairs = Object.entries(labels).toSorted(([a], [b]) => compareNames(a, b))
    this.inner = render(this.pairs)
    this.text = this.inner === "" ? "" : `{${this.inner}}`
  }

  /** With one more label, in its place among the others. */
  with(name: string, value: string): string {
    const key = `${name}=${value}`
    const known = this.extended.get(key)
    if (known !== undefined) return known
    const text = `{${render([...this.pairs, [name, value] as const].toSorted(([a], [b]) => compareNames(a, b)))}}`
    this.extended.set(key, text)
    return text
  }

  /** With the label that tells the samples of a histogram or a summary apart, which comes last. */
  withLast(name: "le" | "quantile", value: string): string {
    return this.inner === "" ? `{${name}="${value}"}` : `{${this.inner},${name}="${value}"}`
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
