/** Help with the options in the groups of the table; everything else as effect/cli prints it. */
import { CliOutput, type HelpDoc } from "effect/cli"
import { groups } from "../../schema/options/OptionRow.ts"
import { table } from "../../schema/ServerOptions.ts"
import { describe } from "./internal/Flags.ts"

const columnOfText = 34

/** Breaks a text into lines of `width`, each after the first with `indent` blanks before it. */
const fill = (text: string, width: number, indent: number): string => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`)
}

/** Every option that the help names, under the title of its group. */
const formatOptions = (names: ReadonlySet<string>, columns: number, title: (text: string) => string): string =>
  groups.flatMap((group) => {
    const rows = table.filter((row) => row.group === group && names.has(row.name))
    if (rows.length === 0) {
      return []
    }
    const lines = rows.map((row) => {
      const head = `  ${[row.name, ...row.aliases].map((name) => `--${name}`).join(", ")}${
        row.type.argument === "none" ? "" : ` <${row.type.label}>`
      }`
      const gap = head.length + 2 > columnOfText
        ? `\n${" ".repeat(columnOfText)}`
        : " ".repeat(columnOfText - head.length)
      return head + gap + fill(describe(row), Math.max(30, columns - columnOfText), columnOfText)
    })
    return [`${title(group.toUpperCase())}\n${lines.join("\n")}`]
  }).join("\n\n")

/** `columns`: width of the lines. @category constructors */
export const make = (options: { readonly colors: boolean; readonly columns: number }): CliOutput.Formatter => {
  const base = CliOutput.defaultFormatter({ colors: options.colors })
  const title = (text: string) => options.colors ? `\x1b[1m${text}\x1b[0m` : text
  const inTable = new Set<string>(table.map((row) => row.name))
  return {
    ...base,
    formatVersion: (name, version) => `${name} ${version}`,
    formatHelpDoc: (doc: HelpDoc.HelpDoc) => {
      const names = new Set(doc.flags.map(({ name }) => name).filter((name) => inTable.has(name)))
      const rest = base.formatHelpDoc({
        ...doc,
        flags: doc.flags.filter(({ name }) => !inTable.has(name))
      })
      if (names.size === 0) {
        return rest
      }
      const environment = "Each option also reads an environment variable: --http-port is GALATEA_HTTP_PORT. "
        + "The command line wins. A beginning of a name is enough where only one option begins so."
      return `${rest.trimEnd()}\n\n${formatOptions(names, options.columns, title)}\n\n${
        fill(environment, options.columns, 0)
      }\n`
    }
  }
}
