/** The line that says how a command is called, and what is told of words that it cannot read. */
import type { UsageError } from "../../../schema/options/UsageError.ts"
import { CliFailure } from "../CliFailure.ts"

const usages = {
  serve: "Usage: galatea serve [<path>…] [--<option>=<value>…]",
  check: "Usage: galatea check [<path>…] [--print-config] [--<option>=<value>…]",
  options: "Usage: galatea options",
  implied: "Usage: galatea --model-repository=<path> [--<option>=<value>…]"
} as const

/** A command that takes the options of the server; `implied`: `serve`, where no command was named. @internal */
export type Usage = keyof typeof usages

/** What is wrong with the words, below how the command is called. @internal */
export const failure = (usage: Usage, { message }: UsageError): CliFailure => {
  const command = usage === "implied" ? "serve" : usage
  return new CliFailure({
    message: `${usages[usage]}\nAll options: galatea ${command} --help\n\n${message}\n`
  })
}
