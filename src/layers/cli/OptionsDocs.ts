/** The option reference, docs/options.md, out of the table. */
import { CliOutput } from "effect/cli"
import { environmentName, groups } from "../../schema/options/OptionRow.ts"
import type { AnyRow } from "../../schema/ServerOptions.ts"
import { table } from "../../schema/ServerOptions.ts"
import { defaultText } from "./internal/Flags.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("‹", "&lt;").replaceAll("›", "&gt;")

const effect = (row: AnyRow): string => {
  switch (row.status) {
    case "honoured":
      return row.triton ? "as in Triton" : "this server only"
    case "partly":
      return "some values; others get one warning or are refused"
    case "pending":
      return "none yet: one warning"
    case "ignored":
      return "none: one warning"
  }
}

const header = ["Option", "Type", "Default", "Meaning", "Effect"]

const cells = (row: AnyRow): ReadonlyArray<string> => {
  const names = [row.name, ...row.aliases].map((name) => `\`--${name}\``).join(", ")
  const type = row.type.argument === "none" ? "switch" : `\`${row.type.label}\`${row.repeatable ? ", repeatable" : ""}`
  const text = defaultText(row)
  const unit = row.unit === undefined ? "" : ` ${row.unit}`
  return [names, cell(type), text === "" ? "" : `${cell(text)}${unit}`, cell(row.doc), effect(row)]
}

/** A table whose columns are as wide as their widest cell, the form that the formatter wants. */
const tableOf = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => CliOutput.displayWidth(row[i]!))))
  const line = (texts: ReadonlyArray<string>) =>
    `| ${texts.map((text, i) => text + " ".repeat(widths[i]! - CliOutput.displayWidth(text))).join(" | ")} |`
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}

const intro = `# Options

Generated from \`src/schema/ServerOptions.ts\` by \`galatea options\`; do not edit by hand.

\`galatea serve\` and \`galatea check\` take these options, with Triton's names and Triton's way of reading them:

- \`--name=value\` or \`--name value\`; a beginning of a name is enough where only one option begins so.
- A \`bool\` always has a value: \`true\`, \`on\`, \`1\` or \`false\`, \`off\`, \`0\`, in any case. A switch has none.
- An \`int\` is read up to its first character that is no digit; a warning says so where something follows.
- Each option also reads an environment variable, \`GALATEA_\` and the name in capitals with underscores: \`--http-port\` is
  \`${
  environmentName("http-port")
}\`. An empty variable counts as not set. A repeatable option takes one value per line; paths of
  repositories, names and resources may stand on one line with commas instead. The command line wins, option by option.
- An option that has no effect here is accepted with one warning, so that start scripts keep working. What would silently change
  results or security is refused.
`

/** The whole document. @category formatting */
export const render = (): string =>
  [
    intro,
    ...groups.map((group) => `## ${group}\n\n${tableOf(table.filter((row) => row.group === group).map(cells))}\n`)
  ].join("\n")
