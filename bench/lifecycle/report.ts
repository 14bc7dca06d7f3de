/** What a proof prints, and whether it holds. */
import { readFileSync } from "node:fs"

export interface Row {
  readonly what: string
  readonly value: string
  /** What was demanded; nothing where the figure is for information. */
  readonly bound?: string
  readonly holds?: boolean
}

/** Prints a Markdown table; the process ends with 1 where a bound is broken. */
export const print = (rows: ReadonlyArray<Row>): void => {
  const lines = ["| figure | value | bound | holds |", "| --- | --- | --- | --- |"]
  for (const { bound = "–", holds, value, what } of rows) {
    lines.push(`| ${what} | ${value} | ${bound} | ${holds === undefined ? "–" : holds ? "yes" : "**no**"} |`)
  }
  process.stdout.write(`${lines.join("\n")}\n`)
  if (rows.some(({ holds }) => holds === false)) process.exitCode = 1
}

/** The row that says how many requests were answered and how many were not. */
export const failedRow = (
  what: string,
  traffic: {
    readonly answered: () => number
    readonly failed: () => number
    readonly failures: ReadonlyMap<string, number>
  }
): Row => {
  for (const [reason, count] of traffic.failures) process.stderr.write(`${what}: ${count} × ${reason}\n`)
  return {
    what: `${what}: failed requests`,
    value: `${traffic.failed()} of ${traffic.answered() + traffic.failed()}`,
    bound: "0",
    holds: traffic.failed() === 0 && traffic.answered() > 0
  }
}

export const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Resident memory of a process over time, in megabytes. */
export class Memory {
  readonly samples: Array<number> = []
  private readonly timer: NodeJS.Timeout

  constructor(rss: () => number, everyMillis = 250) {
    this.timer = setInterval(() => this.samples.push(rss()), everyMillis)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Median of the samples between two parts of the time. */
  between(from: number, to: number): number {
    return median(this.samples.slice(Math.floor(this.samples.length * from), Math.ceil(this.samples.length * to)))
  }

  highest(): number {
    return this.samples.reduce((most, sample) => Math.max(most, sample), 0)
  }
}

/** Resident memory of a process by kind, in megabytes: what it has written, and what it shares with files. */
export const memoryOf = (
  pid: number
): { readonly anonymous: number; readonly file: number; readonly shared: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return { anonymous: of("RssAnon"), file: of("RssFile"), shared: of("RssShmem") }
}

/** Milliseconds of processor time that a process has used, in steps of 10. */
export const processorMillis = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export const megabytes = (value: number): string => `${value.toFixed(0)} MB`

export const millis = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`

/** The samples of an exposition by series, without its comments. */
export const scrape = async (url: string): Promise<ReadonlyMap<string, number>> => {
  const text = await (await fetch(url)).text()
  return new Map(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
      const at = line.lastIndexOf(" ")
      return [line.slice(0, at), Number(line.slice(at + 1))] as const
    })
  )
}
