/** The modules of the page that know nothing of a browser, with the types that tests use. */
import type { ConsoleAnswer, ConsoleFigures } from "../../src/schema/ConsoleState.ts"

export interface Point {
  readonly at: number
  readonly seconds: number
  readonly rate: number
  readonly errors: number
  readonly invalid: number
  readonly p50: number
  readonly p99: number
  readonly fullness: number
  readonly rows: number
  readonly queue: number
  readonly waiting: number
}

export interface IntervalsModule {
  readonly quantile: (bounds: ReadonlyArray<number>, counts: ReadonlyArray<number>, share: number) => number
}

export interface HistoryModule {
  readonly keyOf: (figures: Pick<ConsoleFigures, "model" | "version">) => string
  readonly History: new() => {
    readonly add: (answer: ConsoleAnswer) => void
    readonly of: (key: string) => ReadonlyArray<Point>
    readonly lately: (key: string) => number
    readonly rowsOf: (key: string) => ReadonlyArray<Point>
  }
}

export interface RankingModule {
  readonly busiest: (
    before: ReadonlyArray<string>,
    all: ReadonlyArray<{ readonly key: string; readonly rate: number }>
  ) => ReadonlyArray<string>
}

type Elements = ReadonlyArray<string>

export interface ValuesModule {
  readonly readShape: (text: string, declared: ReadonlyArray<number>) => ReadonlyArray<number> | string
  readonly suggest: (declared: ReadonlyArray<number>) => ReadonlyArray<number>
  readonly fill: (filling: "counting" | "zeros" | "ones" | "random", datatype: string, size: number) => Elements
  readonly write: (datatype: string, elements: Elements) => string
  readonly read: (datatype: string, text: string, size: number) => Elements | string
  readonly parseAnswer: (text: string) => unknown
  readonly showRows: (data: ReadonlyArray<unknown>, shape: ReadonlyArray<number>, most: number) => string
}

export const page = <A>(name: string): Promise<A> =>
  import(new URL(`../../src/layers/console/page/${name}`, import.meta.url).href)
