/** Reads Prometheus' text format, strictly: what a scraper would refuse throws. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

const labelsOf = (text: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  label.lastIndex = 0
  while (label.lastIndex < text.length) {
    const match = label.exec(text)
    if (match === null) throw new Error(`labels cannot be read: ${text}`)
    if (Object.hasOwn(labels, match[1]!)) throw new Error(`a label occurs twice: ${text}`)
    labels[match[1]!] = match[2]!.replaceAll(/\\(.)/g, (_, character: string) => character === "n" ? "\n" : character)
  }
  return labels
}

const valueOf = (text: string): number =>
  text === "Nan" ? Number.NaN : text === "+Inf" ? Infinity : /^-?[\d.]/.test(text) ? Number(text) : valueFailure(text)

const valueFailure = (text: string): never => {
  throw new Error(`no value: ${text}`)
}

/** The families by name. */
export const parse = (text: string): ReadonlyMap<string, Family> => {
  const families = new Map<string, Family & { samples: Array<Sample> }>()
  const seen = new Set<string>()
  let help = ""
  let current: (Family & { samples: Array<Sample> }) | undefined
  for (const line of text.split("\n")) {
    if (line === "") continue
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (comment?.[1] === "HELP") {
      help = comment[3]!
    } else if (comment?.[1] === "TYPE") {
      const name = comment[2]!
      if (families.has(name)) throw new Error(`a family occurs twice: ${name}`)
      families.set(name, current = { name, type: comment[3]!, help, samples: [] })
    } else {
      const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (sample === null || current === undefined) throw new Error(`no sample: ${line}`)
      const [, name, labels = "", value] = sample
      const suffix = name!.slice(current.name.length)
      const suffixes = current.type === "histogram"
        ? ["_count", "_sum", "_bucket"]
        : current.type === "summary"
        ? ["", "_count", "_sum"]
        : [""]
      if (!name!.startsWith(current.name) || !suffixes.includes(suffix)) throw new Error(`in the wrong family: ${line}`)
      const key = `${name}{${labels}}`
      if (seen.has(key)) throw new Error(`a series occurs twice: ${key}`)
      seen.add(key)
      current.samples.push({ name: name!, labels: labelsOf(labels), value: valueOf(value!) })
    }
  }
  return families
}

/** The value of the only series with at least these labels. */
export const value = (
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {}
): number => {
  const family = families.get(name) ?? families.get(name.replace(/_(?:count|sum|bucket)$/, ""))
  const found = (family?.samples ?? []).filter((sample) =>
    sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text)
  )
  if (found.length !== 1) throw new Error(`${found.length} series ${name} ${JSON.stringify(labels)}`)
  return found[0]!.value
}
