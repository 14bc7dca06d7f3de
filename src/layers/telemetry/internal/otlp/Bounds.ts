/** How much of spans and log records is kept, and how they wait: OpenTelemetry's batch processors and attribute limits. */
import type { Variables } from "./Variables.ts"

/** How items wait for their export, and how many leave at once. @category models */
export interface QueuePlan {
  readonly maxQueueSize: number
  readonly scheduleDelayMillis: number
  readonly maxExportBatchSize: number
  readonly exportTimeoutMillis: number
}

/** `Infinity`: no bound. @category models */
export interface SpanLimits {
  readonly attributeValueLengthLimit: number
  readonly attributeCountLimit: number
  readonly eventCountLimit: number
  readonly linkCountLimit: number
  readonly attributePerEventCountLimit: number
  readonly attributePerLinkCountLimit: number
}

/** Those that log records have too. @category models */
export type ValueLimits = Pick<SpanLimits, "attributeCountLimit" | "attributeValueLengthLimit">

/** Longest value of an attribute where nothing else is said. */
const maxValueLength = 8192

/** By the variables of the batch processor of spans, or of log records. @category parsing */
export const queue = (prefix: "BSP" | "BLRP", scheduleDelayMillis: number, variables: Variables): QueuePlan => {
  const count = (name: string, otherwise: number, min: number) =>
    variables.count([`OTEL_${prefix}_${name}`], otherwise, min)
  const maxQueueSize = count("MAX_QUEUE_SIZE", 2048, 1)
  const batch = count("MAX_EXPORT_BATCH_SIZE", Math.min(512, maxQueueSize), 1)
  if (batch > maxQueueSize) {
    variables.warnings.push(
      `OTEL_${prefix}_MAX_EXPORT_BATCH_SIZE=${batch} is more than the queue holds; ${maxQueueSize} is used`
    )
  }
  return {
    maxQueueSize,
    scheduleDelayMillis: count("SCHEDULE_DELAY", scheduleDelayMillis, 0),
    maxExportBatchSize: Math.min(batch, maxQueueSize),
    exportTimeoutMillis: count("EXPORT_TIMEOUT", 30_000, 1)
  }
}

/** @category parsing */
export const valueLimits = (prefix: "SPAN" | "LOGRECORD", variables: Variables): ValueLimits => ({
  attributeValueLengthLimit: variables.count(
    [`OTEL_${prefix}_ATTRIBUTE_VALUE_LENGTH_LIMIT`, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
    maxValueLength,
    1
  ),
  attributeCountLimit: variables.count(
    [`OTEL_${prefix}_ATTRIBUTE_COUNT_LIMIT`, "OTEL_ATTRIBUTE_COUNT_LIMIT"],
    128,
    0
  )
})

/** @category parsing */
export const spanLimits = (variables: Variables): SpanLimits => ({
  ...valueLimits("SPAN", variables),
  eventCountLimit: variables.count(["OTEL_SPAN_EVENT_COUNT_LIMIT"], 128, 0),
  linkCountLimit: variables.count(["OTEL_SPAN_LINK_COUNT_LIMIT"], 128, 0),
  attributePerEventCountLimit: variables.count(["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"], 128, 0),
  attributePerLinkCountLimit: variables.count(["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"], 128, 0)
})
