/** What `galatea top` shows: a few words on the server, and the table of its versions. */
import { DateTime } from "effect"
import * as TextWidth from "../TextWidth.ts"
import * as Visible from "../Visible.ts"
import type { Activity, VersionActivity } from "./Activity.ts"
import type { Snapshot } from "./Source.ts"
import * as Table from "./Table.ts"
import * as Wording from "./Wording.ts"

/** Everything that is shown. @internal */
export interface State {
  readonly url: string
  readonly activity: Activity | undefined
  readonly snapshot: Snapshot | undefined
  /** Why there was no answer the last time. */
  readonly trouble: string | undefined
  readonly order: Table.Order
  readonly reversed: boolean
  /** Rows above the window. */
  readonly offset: number
  readonly intervalSeconds: number
}

/** @internal */
export interface Styles {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
}

const sum = (versions: ReadonlyArray<VersionActivity>, of: (version: VersionActivity) => number | undefined) =>
  versions.some((version) => of(version) !== undefined)
    ? versions.reduce((total, version) => total + (of(version) ?? 0), 0)
    : undefined

/** The server in a line. @internal */
export const summary = ({ cpu, residentBytes, versions }: Activity): string => {
  const models = new Set(versions.map(({ model }) => model)).size
  return [
    `${models} ${models === 1 ? "model" : "models"}`,
    `${Wording.rate(sum(versions, (one) => one.requestsPerSecond))} requests/s`,
    `${Wording.rate(sum(versions, (one) => one.failuresPerSecond))} failed/s`,
    `${Wording.rate(sum(versions, (one) => one.rejectionsPerSecond))} rejected/s`,
    `CPU ${Wording.percent(cpu)}`,
    `memory ${Wording.bytes(residentBytes)}`
  ].join("   ")
}

const clip = (text: string, width: number): string => TextWidth.cut(Visible.line(text), width)

/** Something of it needs a look. */
const styleOf = (version: VersionActivity, styles: Styles): (text: string) => string =>
  (version.failuresPerSecond ?? 0) > 0 || version.state === "UNAVAILABLE"
    ? styles.red
    : (version.rejectionsPerSecond ?? 0) > 0
    ? styles.yellow
    : version.now === undefined
    ? styles.dim
    : (text) => text

/** The address that was asked for, and the doubt that the figures are of it. */
const title = ({ snapshot, url }: State): string =>
  snapshot?.doubtful === undefined
    ? url
    : `${url} (metrics of ${new URL(snapshot.doubtful).host}, perhaps another server's)`

const doubt = ({ snapshot, url }: State): string | undefined =>
  snapshot?.doubtful === undefined
    ? undefined
    : `Perhaps another server's: all figures are those of ${snapshot.doubtful}, and nothing shows that they are of ${url}.`

const keys = "q quit   s order   r reverse   ↑↓ scroll"

/** How many rows fit below the head and above the keys. @internal */
export const room = (rows: number): number => Math.max(1, rows - 5)

/** As many lines as the screen has at most, none longer than it is wide. @internal */
export const screen = (
  state: State,
  size: { readonly columns: number; readonly rows: number },
  styles: Styles
): ReadonlyArray<string> => {
  const { activity, snapshot, trouble } = state
  const { columns, rows } = size
  const versions = Table.sorted(activity?.versions ?? [], state.order, state.reversed)
  const table = Table.render(versions, columns, state.order)
  const most = room(rows)
  const offset = Math.min(state.offset, Math.max(0, versions.length - most))
  const window = table.rows.slice(offset, offset + most)
  const hidden = versions.length - window.length
  const words = trouble ?? snapshot?.note
  const second = words !== undefined
    ? styles.red(clip(trouble === undefined ? words : `${words} Trying again…`, columns))
    : activity === undefined
    ? styles.dim("…")
    : clip(summary(activity), columns)
  const position = hidden > 0 ? `   ${offset + 1}-${offset + window.length} of ${versions.length}` : ""
  return [
    styles.bold(clip(`galatea top   ${title(state)}   every ${state.intervalSeconds} s`, columns)),
    second,
    styles.yellow(clip(doubt(state) ?? "", columns)),
    styles.bold(clip(table.header, columns)),
    ...window.map((line, i) => {
      const style = trouble === undefined ? styleOf(versions[offset + i]!, styles) : styles.dim
      return style(clip(line, columns))
    }),
    styles.dim(clip(`${keys}${position}`, columns))
  ].slice(0, rows)
}

/** The same as plain text, with every column and row. @internal */
export const plain = (state: State, atMillis: number): string => {
  const { activity, snapshot } = state
  if (activity === undefined) return ""
  const doubtful = doubt(state)
  const versions = Table.sorted(activity.versions, state.order, state.reversed)
  const { header, rows } = Table.render(versions, undefined, state.order)
  const lines = [
    `${DateTime.formatIso(DateTime.makeUnsafe(atMillis))}   ${title(state)}   ${summary(activity)}`,
    ...doubtful === undefined ? [] : [doubtful],
    ...snapshot?.note === undefined ? [] : [snapshot.note],
    header,
    ...rows
  ]
  return `${lines.join("\n")}\n`
}
