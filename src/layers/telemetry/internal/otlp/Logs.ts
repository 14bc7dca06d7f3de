/** Log messages as OpenTelemetry's log records, on their way to an outlet. */
import * as OtelLogger from "@effect/opentelemetry/OtelLogger"
import { JsonLogsSerializer, ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { LoggerProvider, type LogRecordProcessor, type ReadableLogRecord } from "@opentelemetry/sdk-logs"
import { Effect, type Layer, Logger, type Scope } from "effect"
import { detached } from "../../../../schema/DetachedText.ts"
import { isWritten } from "../../../../schema/LogSetting.ts"
import { LogSettings } from "../../../../services/LogSettings.ts"
import type { InvalidExport } from "./Certificates.ts"
import * as ExportQueue from "./ExportQueue.ts"
import * as Outlet from "./Outlet.ts"
import type { LogsPlan } from "./Plan.ts"
import type { ResourceAttributes } from "./Resource.ts"
import type { Serializer } from "./Serializer.ts"
import type { SignalBook } from "./SignalBook.ts"

const empty = new Uint8Array(0)

/** @category serializers */
export const serializer: Serializer<ReadonlyArray<ReadableLogRecord>> = {
  items: (records) => records.length,
  protobuf: (records) => ProtobufLogsSerializer.serializeRequest([...records]) ?? empty,
  json: (records) => JsonLogsSerializer.serializeRequest([...records]) ?? empty
}

const done = Promise.resolve()

/** Characters of a message; what is longer is cut. */
const maxBody = 16_384

/** @category models */
export interface Options {
  readonly plan: LogsPlan
  readonly resource: ResourceAttributes
  readonly book: SignalBook
  readonly write: Outlet.Write
  /** How long the end waits for what is still to be sent. */
  readonly flushMillis: number
}

/** A logger whose messages are exported until the scope closes: those of the severities that the log has too. @category constructors */
export const make = Effect.fnUntraced(function*(
  { book, flushMillis, plan, resource, write }: Options
): Effect.fn.Return<Logger.Logger<unknown, void>, InvalidExport, Scope.Scope> {
  const settings = yield* LogSettings
  const outlet = yield* Outlet.make(plan, serializer, book, write)
  const queue = yield* ExportQueue.make(plan.queue, book, outlet.send, flushMillis)
  const processor: LogRecordProcessor = {
    onEmit: (record) => {
      const { body } = record
      if (typeof body === "string" && body.length > maxBody) record.setBody(`${detached(body.slice(0, maxBody))}…`)
      queue.push(record)
    },
    // The queue ends with its own scope.
    forceFlush: () => done,
    shutdown: () => done
  }
  const provider = new LoggerProvider({
    resource: resourceFromAttributes(resource),
    logRecordLimits: plan.limits,
    processors: [processor]
  })
  const logger = yield* Effect.provideService(OtelLogger.make, OtelLogger.OtelLoggerProvider, provider)
  return Logger.make((options) => {
    if (isWritten(settings.current(), options.logLevel)) logger.log(options)
  })
})

/** Besides the loggers that there are. @category layers */
export const layer = (options: Options): Layer.Layer<never, InvalidExport> =>
  Logger.layer([make(options)], { mergeWithExisting: true })
