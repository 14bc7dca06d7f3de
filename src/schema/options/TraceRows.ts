/** Options of tracing. Source: model-config §7.2, scheduling §10.1. */
import { repeated, single } from "./OptionRow.ts"
import * as TraceConfig from "./TraceConfig.ts"
import { bytes, int, path, scopedSetting } from "./ValueTypes.ts"

const tracing = { group: "Tracing" } as const

/** @category models */
export const tracingRows = [
  repeated({
    ...tracing,
    name: "trace-config",
    type: scopedSetting({
      label: "[mode,]setting=value",
      scope: "optional",
      malformed: (text) => `--trace-config option format is '<trace mode>,<setting>=<value>'. Got ${text}`,
      emptyScope: (text) =>
        `No trace mode specified. --trace-config option format is '<trace mode>,<setting>=<value>'. Got ${text}`
    }),
    doc:
      "level=TIMESTAMPS, rate=100, count=1000, mode=opentelemetry, triton,file=trace.json and other settings; docs/tracing.md lists all of them."
  }),
  single({
    ...tracing,
    name: "trace-file",
    type: path,
    default: "",
    defaultText: "none",
    doc: "Deprecated: --trace-config triton,file=."
  }),
  repeated({
    ...tracing,
    name: "trace-level",
    type: TraceConfig.level,
    environmentSeparator: ",",
    doc: "Deprecated: --trace-config level=."
  }),
  single({
    ...tracing,
    name: "trace-rate",
    type: TraceConfig.rate,
    default: 1000,
    doc: "Deprecated: --trace-config rate=."
  }),
  single({
    ...tracing,
    name: "trace-count",
    type: TraceConfig.count,
    default: -1,
    doc: "Deprecated: --trace-config count=."
  }),
  single({
    ...tracing,
    name: "trace-log-frequency",
    type: TraceConfig.logFrequency,
    default: 0,
    doc: "Deprecated: --trace-config triton,log-frequency=."
  }),
  single({
    ...tracing,
    name: "trace-file-max-pending-bytes",
    type: bytes({ min: 1 }),
    default: 64 * 1024 ** 2,
    triton: false,
    unit: "bytes",
    doc:
      "How much text of traces may wait in memory for the trace file. Traces and tensors beyond it are left out, with one warning."
  }),
  single({
    ...tracing,
    name: "trace-max-models",
    type: int({ min: 0 }),
    default: 1024,
    triton: false,
    unit: "models",
    doc: "How many models may have trace settings of their own at a time. Settings of one more are refused."
  })
] as const
