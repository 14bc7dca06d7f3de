/** Reads Prometheus' text format, leniently: what cannot be read is left out. */

/** The samples of one name. @internal */
export type Samples = ReadonlyArray<Sample>

/** @internal */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g

const labelsOf = (text: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(label)) {
    labels[name!] = value!.replaceAll(/\\(.)/g, (_, character: string) => character === "n" ? "\n" : character)
  }
  return labels
}

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?[ \t]+(\S+)/

const numberOf = (text: string): number =>
  /^\+?inf/i.test(text) ? Infinity : /^-inf/i.test(text) ? -Infinity : Number(text)

/** Those of these names. @internal */
export const read = (text: string, names: ReadonlySet<string>): ReadonlyMap<string, Samples> => {
  const found = new Map<string, Array<Sample>>()
  for (const one of text.split("\n")) {
    const match = line.exec(one)
    if (match === null || !names.has(match[1]!)) continue
    const samples = found.get(match[1]!) ?? []
    found.set(match[1]!, samples)
    samples.push({ labels: labelsOf(match[2] ?? ""), value: numberOf(match[3]!) })
  }
  return found
}
