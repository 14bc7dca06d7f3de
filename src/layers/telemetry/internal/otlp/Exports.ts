/** Everything that a plan says is exported, as services. It loads OpenTelemetry: import it only where something is exported. */
import { SDK_INFO } from "@opentelemetry/core"
import { Layer } from "effect"
import { ExportCounts, type Signal } from "../../../../services/ExportCounts.ts"
import type { InvalidExport } from "./Certificates.ts"
import * as Logs from "./Logs.ts"
import type { Write } from "./Outlet.ts"
import type { Plan } from "./Plan.ts"
import type { ResourceAttributes } from "./Resource.ts"
import { SignalBook } from "./SignalBook.ts"
import * as Traces from "./Traces.ts"

/** @category models */
export interface Options {
  readonly plan: Plan
  readonly write: Write
  /** How long the end waits for what is still to be sent, of each signal. */
  readonly flushMillis: number
}

/** @category layers */
export const layer = ({ flushMillis, plan, write }: Options): Layer.Layer<never, InvalidExport> => {
  const resource: ResourceAttributes = {
    ...plan.resource,
    "telemetry.sdk.name": SDK_INFO["telemetry.sdk.name"],
    "telemetry.sdk.language": SDK_INFO["telemetry.sdk.language"],
    "telemetry.sdk.version": SDK_INFO["telemetry.sdk.version"]
  }
  const books: Array<SignalBook> = []
  const common = (signal: Signal) => {
    const book = new SignalBook(signal)
    books.push(book)
    return { resource, book, write, flushMillis }
  }
  return Layer.mergeAll(
    Layer.succeed(ExportCounts, { read: () => books.map(({ counts }) => counts) }),
    plan.traces === undefined ? Layer.empty : Traces.layer({ ...common("traces"), plan: plan.traces }),
    plan.logs === undefined ? Layer.empty : Logs.layer({ ...common("logs"), plan: plan.logs })
  )
}
