/** Trace settings that a front end is asked for, without anything that is traced. */
import { Effect } from "effect"
import * as TraceSampling from "../../src/layers/telemetry/TraceSampling.ts"
import type { TraceSetting } from "../../src/schema/TraceSetting.ts"
import { offSetting, Tracing } from "../../src/services/Tracing.ts"

/** Provides settings that begin with these. */
export const withSettings = (setting: Partial<TraceSetting>) =>
  Effect.provideService(
    Tracing,
    TraceSampling.make({
      setting: { ...offSetting, ...setting },
      open: () => ({ begin: () => undefined, ended: () => {} }),
      onSetting: () => {},
      maxModels: 2
    })
  )

/** A setting, as it is sent: a text, texts, or `null` to clear it. */
export type Sent = Readonly<Record<string, string | ReadonlyArray<string> | null>>

/** Requests that are refused whatever the protocol, with the code and the text; `gap` stands before a count that is too small. */
export const refused = (gap: string): ReadonlyArray<readonly [Sent, "INVALID_ARG" | "UNSUPPORTED", string]> => {
  const number = (name: string) =>
    [
      [{ [name]: "many" }, "INVALID_ARG", `Unable to parse '${name}', got: many`],
      [{ [name]: "" }, "INVALID_ARG", `Unable to parse '${name}', got: `],
      [{ [name]: "1.5" }, "INVALID_ARG", `Unable to parse '${name}', got: 1.5`]
    ] as const
  const range = (name: string, text: string, bounds: string) =>
    [
      { [name]: text },
      "INVALID_ARG",
      `Unable to parse '${name}', value is out of range [ ${bounds} ], got: ${text}`
    ] as const
  return [
    [{ trace_file: "other.json" }, "UNSUPPORTED", "trace file location can not be updated through network protocol"],
    [
      { trace_rate: "x", trace_file: "x" },
      "UNSUPPORTED",
      "trace file location can not be updated through network protocol"
    ],
    [{ trace_level: ["OFF", "TENSORS"] }, "INVALID_ARG", "Expect only one trace level 'OFF' is specified"],
    [
      { trace_level: Array.from({ length: 65 }, () => "TENSORS") },
      "INVALID_ARG",
      "Expect at most 64 entries in 'trace_level', got: 65"
    ],
    ...number("trace_rate"),
    ...number("trace_count"),
    ...number("log_frequency"),
    range("trace_rate", "2147483648", "0, 4294967295"),
    range("trace_rate", "-1", "0, 4294967295"),
    range("log_frequency", "-1", "0, 4294967295"),
    range("log_frequency", "9".repeat(40), "0, 4294967295"),
    range("trace_count", "2147483648", "-1, 2147483647"),
    [{ trace_count: "-2" }, "INVALID_ARG", `Unable to parse 'trace_count'. Expecting value >= -1, got:${gap}-2`],
    [
      { trace_rate: "0" },
      "INVALID_ARG",
      "Attempting to set invalid trace setting :sample rate must be non-zero"
    ]
  ]
}
