/** Parts of texts by the columns that they take in a terminal: never half of what is read as one character. */
import { CliOutput } from "effect/cli"

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Columns of a text. @category getters */
export const width = CliOutput.displayWidth

/** The longest beginning that fits `columns`. @category formatting */
export const head = (text: string, columns: number): string => {
  let used = 0
  for (const { index, segment } of segmenter.segment(text)) {
    used += width(segment)
    if (used > columns) return text.slice(0, index)
  }
  return text
}

/** The text, or as much of it as fits with `…` behind it. @category formatting */
export const cut = (text: string, columns: number): string =>
  width(text) <= columns ? text : `${head(text, columns - 1)}…`

/** Lines of at most `columns`; one character that is wider has a line of its own. @category formatting */
export const lines = (text: string, columns: number): ReadonlyArray<string> => {
  const made: Array<string> = []
  let rest = text
  while (width(rest) > columns) {
    const first = head(rest, columns) || segmenter.segment(rest).containing(0)!.segment
    made.push(first)
    rest = rest.slice(first.length)
  }
  return [...made, rest]
}
