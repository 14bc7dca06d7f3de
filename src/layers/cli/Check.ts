/** `galatea check`: validates every model of the repositories without serving, and tells what is wrong with each. */
import { Effect } from "effect"
import { codes } from "../../schema/Errors.ts"
import type { Parsed } from "../../schema/options/OptionsParser.ts"
import { printModelConfig } from "../../schema/proto/TextFormatPrinter.ts"
import type { OptionName, ServerOptions } from "../../schema/ServerOptions.ts"
import type { CheckRow } from "../repository/FileModelRepository.ts"
import { CliFailure } from "./CliFailure.ts"
import * as LoadReport from "./internal/LoadReport.ts"
import { animate, type Output, styles } from "./internal/Output.ts"
import * as TextTable from "./internal/TextTable.ts"
import * as Visible from "./internal/Visible.ts"
import * as LogLines from "./LogLines.ts"
import { type Hooks, logOptions, type StartFailure, withOperands } from "./Serve.ts"

/** @category models */
export interface Environment {
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly output: Output
  /** Validates every model that the server would load with these options. */
  readonly check: (options: ServerOptions, hooks: Hooks) => Effect.Effect<ReadonlyArray<CheckRow>, StartFailure>
}

/** Options that change what a check finds or prints; the others of `serve` are accepted too. @category models */
export const optionNames: ReadonlySet<OptionName> = new Set<OptionName>([
  "model-repository",
  "disable-auto-complete-config",
  "strict-model-config",
  "model-config-name",
  "model-load-thread-count",
  "model-namespacing",
  "repository-cache-directory",
  "repository-cache-bytes",
  "repository-fetch-concurrency",
  "repository-fetch-retry-count",
  "repository-fetch-timeout-secs",
  "repository-max-files",
  "repository-max-index-bytes",
  "repository-max-redirects",
  "backend-config",
  "model-isolation",
  "inline-max-run-microseconds",
  "inline-max-open-ms",
  "inline-turn-microseconds",
  "log-verbose",
  "log-info",
  "log-warning",
  "log-error",
  "log-format",
  "log-file"
])

const noRepository = "galatea check: no models to check\n"
  + "Name a folder of models, or one model: galatea check ./models, galatea check model.onnx\n"

const title = ({ model, version }: CheckRow): string =>
  version === undefined ? Visible.line(model) : `${Visible.line(model)} version ${version}`

const indent = (text: string): string => text.trimEnd().split("\n").map((line) => `  ${line}\n`).join("")

const firstLine = (text: string): string => text.split("\n", 1)[0]!

const table = (rows: ReadonlyArray<CheckRow>, output: Output): string =>
  TextTable.render(
    ["Model", "Version", "Status", "Reason"],
    rows.map(({ model, reason, status, version }) => [
      model,
      version === undefined ? "-" : String(version),
      status === "READY" ? "OK" : "FAILED",
      firstLine(reason ?? "")
    ]),
    output.columns()
  )

/** Everything that the table has no room for: whole reasons of several lines, and warnings. */
const diagnostics = (rows: ReadonlyArray<CheckRow>, output: Output): string => {
  const style = styles(output)
  const texts = rows.flatMap((row) => [
    ...((row.reason ?? "").trimEnd().includes("\n")
      ? [`\n${style.red("error")} ${style.bold(title(row))}:\n${indent(row.reason!)}`]
      : []),
    ...row.warnings.map((warning) => `\n${style.yellow("warning")} ${style.bold(title(row))}:\n${indent(warning)}`)
  ])
  return [...new Set(texts)].join("")
}

/** Final configs as they could stand in `config.pbtxt`; once where all versions of a model have the same. */
const configs = (rows: ReadonlyArray<CheckRow>): string => {
  const texts = rows.flatMap((row) =>
    row.config === undefined ? [] : [{ row, text: printModelConfig(row.config).trimEnd() }]
  )
  return texts
    .filter(({ row, text }, i) =>
      texts.findIndex((other) => other.row.model === row.model && other.text === text) === i
    )
    .map(({ row, text }) => `\n# ${title(row)}${row.status === "READY" ? "" : ": not valid, see above"}\n${text}\n`)
    .join("")
}

/** Fails with `CliFailure` when a model could not be served. @category commands */
export const check = (
  parsed: Parsed,
  command: { readonly printConfig: boolean },
  environment: Environment
): Effect.Effect<void, CliFailure> => {
  const options = withOperands(parsed)
  const { output } = environment
  return Effect.scoped(Effect.gen(function*() {
    for (const warning of parsed.warnings) {
      yield* Effect.logWarning(warning)
    }
    if (options.modelRepository.length === 0) {
      return yield* new CliFailure({ message: noRepository })
    }
    const report = LoadReport.make()
    const rows = yield* Effect.scoped(Effect.gen(function*() {
      yield* animate(output, () => report.loading().map((name) => `checking ${name}`))
      return yield* environment.check(options, { onEvent: (event) => Effect.sync(() => report.add(event)) })
    })).pipe(
      Effect.mapError(({ code, message }) =>
        new CliFailure({ message: `galatea check: ${codes[code].prefix}: ${message}\n` })
      )
    )
    if (rows.length === 0) {
      return yield* new CliFailure({ message: `galatea check: no models in ${options.modelRepository.join(", ")}\n` })
    }
    const failed = rows.filter(({ status }) => status !== "READY").length
    output.out(table(rows, output))
    output.out(diagnostics(rows, output))
    if (command.printConfig) {
      output.out(configs(rows))
    }
    output.out(
      `\n${rows.length - failed} of ${rows.length} can be served${failed === 0 ? "" : `, ${failed} failed`}.\n`
    )
    if (failed > 0) {
      return yield* new CliFailure({ message: "" })
    }
    return undefined
  })).pipe(Effect.provide(LogLines.layer(logOptions(options, environment))))
}
