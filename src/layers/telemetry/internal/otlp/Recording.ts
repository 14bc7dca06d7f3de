/** What the spans of a tracer are recorded with. */
import type { SpanLimits } from "./Bounds.ts"
import type { FactBlocks } from "./FactBlock.ts"
import type { HeadDecision } from "./HeadDecision.ts"
import type { RecordedSpan } from "./RecordedSpan.ts"

/** What the spans of a tracer share. @category models */
export interface Recording {
  readonly limits: SpanLimits
  readonly decision: HeadDecision
  readonly blocks: FactBlocks
  /** A span is complete. */
  readonly ended: (span: RecordedSpan) => void
}
