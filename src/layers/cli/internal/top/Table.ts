/** The table of versions: its columns, in which order rows come, and which columns there is room for. */
import * as TextWidth from "../TextWidth.ts"
import * as Visible from "../Visible.ts"
import type { VersionActivity } from "./Activity.ts"
import * as Wording from "./Wording.ts"

/** By what rows are ordered. @internal */
export const orders = ["rate", "p99", "queue", "errors", "name"] as const

/** @internal */
export type Order = (typeof orders)[number]

interface Column {
  readonly title: string
  readonly cell: (version: VersionActivity) => string
  /** The higher, the sooner it goes where there is no room for all. */
  readonly leaves: number
  readonly left?: boolean
  /** Rows can be ordered by it. */
  readonly order?: Order
  /** It is left out where nobody has a value for it. */
  readonly rare?: boolean
}

const states: Readonly<Record<string, string>> = { READY: "ready" }

const sequences = ({ now }: VersionActivity): string =>
  now?.sequences === undefined
    ? "-"
    : `${Wording.ofTotal(now.sequences, now.slots)}${(now.waitingSequences ?? 0) > 0 ? `+${now.waitingSequences}` : ""}`

/** Nothing where nothing happened, so that a column is there for those to whom it did. */
const counted = (count: number | undefined): string => count === undefined || count === 0 ? "-" : Wording.count(count)

const columns: ReadonlyArray<Column> = [
  { title: "MODEL", cell: ({ model }) => model, leaves: 0, left: true, order: "name" },
  { title: "VER", cell: ({ version }) => version === "" ? "-" : version, leaves: 0 },
  {
    title: "STATE",
    cell: ({ now, state }) =>
      now?.suspended === true ? "suspended" : state === undefined ? "-" : states[state] ?? state,
    leaves: 4,
    left: true
  },
  { title: "REQ/S", cell: (one) => Wording.rate(one.requestsPerSecond), leaves: 0, order: "rate" },
  { title: "P50", cell: ({ median }) => Wording.seconds(median), leaves: 2 },
  { title: "P99", cell: ({ p99 }) => Wording.seconds(p99), leaves: 0, order: "p99" },
  { title: "WAIT99", cell: ({ waitP99 }) => Wording.seconds(waitP99), leaves: 7 },
  { title: "BATCH", cell: ({ batch }) => Wording.average(batch), leaves: 5 },
  { title: "FULL", cell: ({ fullness }) => Wording.percent(fullness), leaves: 3 },
  { title: "QUEUE", cell: ({ now }) => Wording.count(now?.pending), leaves: 0, order: "queue" },
  { title: "AGE", cell: ({ now }) => Wording.seconds(now?.queueAgeSeconds), leaves: 6 },
  { title: "INST", cell: ({ now }) => Wording.ofTotal(now?.executing, now?.instances), leaves: 1 },
  { title: "ERR/S", cell: (one) => Wording.rate(one.failuresPerSecond), leaves: 0, order: "errors" },
  { title: "REJ/S", cell: (one) => Wording.rate(one.rejectionsPerSecond), leaves: 3 },
  { title: "LOST", cell: ({ now }) => counted(now?.losses), leaves: 8, rare: true },
  { title: "AGAIN", cell: ({ now }) => counted(now?.retries), leaves: 8, rare: true },
  { title: "SEQ", cell: sequences, leaves: 8, rare: true }
]

const valueOf = (version: VersionActivity, order: Order): number | undefined => {
  switch (order) {
    case "rate":
      return version.requestsPerSecond
    case "p99":
      return version.p99
    case "queue":
      return version.now?.pending
    case "errors":
      return version.failuresPerSecond === undefined
        ? undefined
        : version.failuresPerSecond + (version.rejectionsPerSecond ?? 0)
    case "name":
      return 0
  }
}

/** The largest first, names by the alphabet; `reversed` the other way round. What is not known comes last either way. @internal */
export const sorted = (
  versions: ReadonlyArray<VersionActivity>,
  order: Order,
  reversed: boolean
): ReadonlyArray<VersionActivity> => {
  const direction = reversed ? -1 : 1
  return versions.toSorted((a, b) => {
    const [first, second] = [valueOf(a, order), valueOf(b, order)]
    if ((first === undefined) !== (second === undefined)) return first === undefined ? 1 : -1
    return direction * ((second ?? 0) - (first ?? 0))
      || direction * (a.model < b.model ? -1 : a.model > b.model ? 1 : 0)
      || direction * (Number(a.version) - Number(b.version) || 0)
  })
}

const gap = 2
/** A name keeps so many characters at least. */
const minName = 20

const fit = (text: string, width: number, left: boolean): string => {
  const shown = TextWidth.cut(text, width)
  const padding = " ".repeat(Math.max(0, width - TextWidth.width(shown)))
  return left ? shown + padding : padding + shown
}

/** @internal */
export interface Table {
  readonly header: string
  /** As many as versions. */
  readonly rows: ReadonlyArray<string>
}

/** Lines of at most `width` characters, with the columns for which there is room. @internal */
export const render = (
  versions: ReadonlyArray<VersionActivity>,
  width: number | undefined,
  order: Order
): Table => {
  const made = columns.map((column) => {
    const title = column.order === order ? `${column.title}*` : column.title
    const cells = versions.map((version) => Visible.line(column.cell(version)))
    const widest = Math.max(title.length, ...cells.map(TextWidth.width))
    return { ...column, title, cells, width: widest }
  }).filter(({ cells, rare }) => rare !== true || cells.some((cell) => cell !== "-"))
  const needed = () => made.reduce((sum, column) => sum + column.width + gap, -gap)
  if (width !== undefined) {
    const name = made[0]!
    const least = () => needed() - name.width + Math.min(name.width, minName)
    while (least() > width) {
      const most = Math.max(...made.map(({ leaves }) => leaves))
      if (most === 0) break
      made.splice(made.findIndex(({ leaves }) => leaves === most), 1)
    }
    name.width = Math.max(Math.min(name.width, minName), name.width - Math.max(0, needed() - width))
  }
  const line = (cells: ReadonlyArray<string>) =>
    cells.map((cell, i) => fit(cell, made[i]!.width, made[i]!.left === true)).join(" ".repeat(gap)).trimEnd()
  return {
    header: line(made.map(({ title }) => title)),
    rows: versions.map((_, row) => line(made.map(({ cells }) => cells[row]!)))
  }
}
