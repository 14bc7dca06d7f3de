/** Trace settings as the trace extension writes them: by names, as lists of texts. Source: protocol §3.7. */
import type { TraceChange, TraceLevel, TraceMode, TraceSetting } from "../../schema/TraceSetting.ts"

/** @internal */
export type TraceValues = Readonly<Record<string, ReadonlyArray<string>>>

const number = (value: number | null): ReadonlyArray<string> | null => value === null ? null : [String(value)]

/** What a change says, by names; `null`: it is cleared. @internal */
export const ofChange = (
  { count, level, logFrequency, rate }: TraceChange
): ReadonlyArray<readonly [name: string, values: ReadonlyArray<string> | null]> => [
  ...(level === undefined ? [] : [["trace_level", level] as const]),
  ...(rate === undefined ? [] : [["trace_rate", number(rate)] as const]),
  ...(count === undefined ? [] : [["trace_count", number(count)] as const]),
  ...(logFrequency === undefined ? [] : [["log_frequency", number(logFrequency)] as const])
]

const own: ReadonlySet<string> = new Set([
  "trace_level",
  "trace_rate",
  "trace_count",
  "log_frequency",
  "trace_file",
  "trace_mode"
])

/** @internal */
export const toSetting = (values: TraceValues): TraceSetting => {
  const one = (name: string, otherwise: string): string => values[name]?.[0] ?? otherwise
  return {
    level: (values["trace_level"] ?? []) as ReadonlyArray<TraceLevel>,
    rate: Number(one("trace_rate", "0")),
    count: Number(one("trace_count", "-1")),
    logFrequency: Number(one("log_frequency", "0")),
    file: one("trace_file", ""),
    mode: one("trace_mode", "triton") as TraceMode,
    opentelemetry: Object.entries(values).filter(([name]) => !own.has(name)).map((
      [name, texts]
    ) => [name, texts.join()])
  }
}
