/** Tells a person, or a log, how the loading of models goes, and what came of it. */
import { Effect, type Scope } from "effect"
import type { IndexEntry, LoadEvent } from "../../../services/ModelRepository.ts"
import * as LoadReport from "./LoadReport.ts"
import type { Output } from "./Output.ts"
import { animate, styles } from "./Output.ts"
import * as TextTable from "./TextTable.ts"
import * as Visible from "./Visible.ts"

/** @category models */
export interface Progress {
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
  /** The table of models, `undefined` without any, then the whole reason of each failure that does not fit a line of the table. */
  readonly summary: (index: ReadonlyArray<IndexEntry> | undefined) => string | undefined
  /** Stops the live lines. */
  readonly done: Effect.Effect<void>
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

const firstLine = (text: string): string => {
  const end = text.indexOf("\n")
  return end < 0 ? text : `${text.slice(0, end)} …`
}

const indent = (text: string): string => text.trimEnd().split("\n").map((line) => `  ${line}\n`).join("")

const milliseconds = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** A warning that says which model it is about. */
const named = ({ message, model }: Extract<LoadEvent, { readonly _tag: "Warning" }>): string =>
  model === undefined || message.includes(`'${model}'`) ? message : `model '${model}': ${message}`

const log = (event: LoadEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "Found":
      return Effect.void
    case "Loading":
      return Effect.logInfo(`loading: ${event.model}:${event.version}`)
    case "Ready":
      return Effect.logInfo(
        `successfully loaded '${event.model}' version ${event.version} in ${milliseconds(event.millis)}`
      )
    case "Failed":
      return Effect.logError(
        event.version === undefined
          ? event.reason
          : `failed to load '${event.model}' version ${event.version}: ${event.reason}`
      )
    case "Unloading":
      return Effect.logInfo(`unloading: ${event.model}:${event.version}`)
    case "Unloaded":
      return Effect.logInfo(`successfully unloaded '${event.model}' version ${event.version}`)
    case "Warning":
      return Effect.logWarning(named(event))
  }
}

/** `logAlways`: log events even where the live lines show them, because the log goes to a file. @category constructors */
export const make = (
  output: Output,
  options: { readonly logAlways: boolean }
): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.gen(function*() {
    const report = LoadReport.make()
    const style = styles(output)
    let running = true
    yield* animate(output, (frame) =>
      running
        ? report.loading().map((name) => `${style.cyan(frames[frame % frames.length]!)} loading ${name}`)
        : [])

    const show = (event: LoadEvent): void => {
      switch (event._tag) {
        case "Ready":
          return output.out(
            `${style.green("✓")} ${Visible.line(event.model)} ${event.version}  ${
              style.dim(milliseconds(event.millis))
            }\n`
          )
        case "Failed":
          return output.out(
            `${style.red("✗")} ${Visible.line(event.model)}${event.version === undefined ? "" : ` ${event.version}`}  ${
              firstLine(event.reason)
            }\n`
          )
        case "Unloaded":
          return output.out(
            `${style.dim("-")} ${Visible.line(event.model)} ${event.version}  ${style.dim("unloaded")}\n`
          )
        case "Warning":
          return output.out(`${style.yellow("!")} ${named(event)}\n`)
        default:
          return
      }
    }

    return {
      onEvent: (event) =>
        Effect.suspend(() => {
          // What comes after start-up is told and not collected: names would add up.
          if (running) report.add(event)
          if (!output.rich) {
            return log(event)
          }
          show(event)
          return options.logAlways ? log(event) : Effect.void
        }),
      summary: (index) => {
        const rows = report.rows(index)
        if (rows.length === 0) {
          return undefined
        }
        const long = rows.filter(({ reason }) => reason.trimEnd().includes("\n"))
        return TextTable.render(
          ["Model", "Version", "Status", "Reason"],
          rows.map((
            { model, reason, status, version }
          ) => [model, version || "-", status, firstLine(reason.trimEnd())]),
          output.columns()
        ) + long.map(({ model, reason, version }) =>
          `\n${Visible.line(model)}${version === "" ? "" : ` version ${version}`}:\n${indent(reason)}`
        ).join("")
      },
      done: Effect.sync(() => {
        running = false
        output.live([])
      })
    }
  })
