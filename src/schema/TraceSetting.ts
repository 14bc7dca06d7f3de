/** What is traced: the settings of the trace extension. Source: scheduling §10.1, protocol §3.7. */

/** @category models */
export type TraceLevel = "OFF" | "TIMESTAMPS" | "TENSORS"

/** `triton`: into a file of JSON; `opentelemetry`: as spans. @category models */
export type TraceMode = "triton" | "opentelemetry"

/** The settings in force for a model, or for all that have none of their own. @category models */
export interface TraceSetting {
  /** `["OFF"]`, or one or two of the others. */
  readonly level: ReadonlyArray<TraceLevel>
  /** One request in so many is traced; 0, where spans are made: only those that say that they are part of a trace. */
  readonly rate: number
  /** How many more requests are traced; -1: no bound. */
  readonly count: number
  /** Traces in one file; 0: all in one, written at the end. */
  readonly logFrequency: number
  /** `""`: none was given. */
  readonly file: string
  readonly mode: TraceMode
  /** What else was said of the mode `opentelemetry`, by the names of `--trace-config`. */
  readonly opentelemetry: ReadonlyArray<readonly [name: string, value: string]>
}

/** What can be changed while the server runs. Absent: it stays; `null`: as if it had never been set. @category models */
export interface TraceChange {
  readonly level?: ReadonlyArray<TraceLevel> | null
  readonly rate?: number | null
  readonly count?: number | null
  readonly logFrequency?: number | null
}
