/** Tables of text in Triton's form, with `+`, `-` and `|`. */
import * as TextWidth from "./TextWidth.ts"
import * as Visible from "./Visible.ts"

const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - TextWidth.width(text)))

/** Breaks a text at blanks, and inside words longer than a line. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    let rest = word
    if (line !== "" && TextWidth.width(line) + 1 + TextWidth.width(rest) > width) {
      lines.push(line)
      line = ""
    }
    if (TextWidth.width(rest) > width) {
      const parts = TextWidth.lines(rest, width)
      lines.push(...parts.slice(0, -1))
      rest = parts.at(-1)!
    }
    line = line === "" ? rest : `${line} ${rest}`
  }
  lines.push(line)
  return lines
}

/**
 * Rows below a header, none of whose cells leaves its place. The last column is broken into lines so that the table fits `columns` characters, where that leaves it
 * at least 20.
 *
 * @category formatting
 */
export const render = (
  header: ReadonlyArray<string>,
  texts: ReadonlyArray<ReadonlyArray<string>>,
  columns: number | undefined
): string => {
  const rows = texts.map((row) => row.map(Visible.line))
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => TextWidth.width(row[i] ?? ""))))
  const last = widths.length - 1
  const others = widths.slice(0, last).reduce((sum, width) => sum + width + 3, 0)
  if (columns !== undefined) {
    widths[last] = Math.min(widths[last]!, Math.max(20, header[last]!.length, columns - others - 4))
  }
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+\n`
  const line = (cells: ReadonlyArray<string>) =>
    `|${widths.map((width, i) => ` ${pad(cells[i] ?? "", width)} `).join("|")}|\n`
  const body = rows.map((row) =>
    wrap(row[last] ?? "", widths[last]!)
      .map((part, i) => line([...row.slice(0, last).map((cell) => i === 0 ? cell : ""), part]))
      .join("")
  )
  return `${rule}${line(header)}${rule}${body.join("")}${body.length === 0 ? "" : rule}`
}
