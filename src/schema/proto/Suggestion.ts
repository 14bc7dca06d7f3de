/** Finds what somebody probably meant to write. */

const longest = 64

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")

const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  let beforePrevious: ReadonlyArray<number> = []
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforePrevious[j - 2]! + 1)
      }
      row.push(best)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.length]!
}

/** Words that other programs have for what a name here says, and that no mistake in writing leads to. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ["begin", "start"],
  ["bfloat16", "bf16"],
  ["boolean", "bool"],
  ["bytes", "string"],
  ["double", "fp64"],
  ["float", "fp32"],
  ["float16", "fp16"],
  ["float32", "fp32"],
  ["float64", "fp64"],
  ["half", "fp16"],
  ["int", "int32"],
  ["long", "int64"]
])

const translated = (name: string): string =>
  name.toLowerCase().split("_").map((word) => synonyms.get(word) ?? word).join("_")

/**
 * The candidate nearest to a name, `undefined` when none is near: letters' case and underscores do not count, and at most
 * one letter in three may be wrong. A name that only lacks its prefix (`FP32` of `TYPE_FP32`) is found too, and one
 * that says the same in another word (`TYPE_FLOAT32`).
 *
 * @category getters
 */
export const nearest = (name: string, names: Iterable<string>): string | undefined => {
  if (name.length > longest) return undefined
  const wanted = plain(name)
  if (wanted === "") return undefined
  const candidates = [...names]
  let best = candidates.find((candidate) => candidate.toLowerCase().endsWith(`_${name.toLowerCase()}`))
  if (best !== undefined) return best
  const other = translated(name)
  if (other !== name.toLowerCase()) {
    best = candidates.find((candidate) => `_${candidate.toLowerCase()}`.endsWith(`_${other}`))
    if (best !== undefined) return best
  }
  let bestDistance = Math.floor(Math.max(3, wanted.length) / 3) + 1
  for (const candidate of candidates) {
    const found = distance(wanted, plain(candidate))
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}
