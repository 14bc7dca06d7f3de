/** What has happened during a span, within bounds: of too many events the last ones are kept. */
import { nanosOf } from "../WallTime.ts"
import * as AttributeValues from "./AttributeValues.ts"
import type { SpanLimits } from "./Bounds.ts"

/** @category models */
export interface SpanEvent extends AttributeValues.Bounded {
  readonly name: string
  /** Nanoseconds since 1970. */
  readonly at: bigint
}

/** @category models */
export class SpanEvents {
  readonly names: Array<string> = []
  /** Nanoseconds since 1970, of each event the upper half and the lower one, as integers of 32 bits with a sign. */
  readonly times: Array<number> = []
  /** What each says; `undefined`: none of them says anything. */
  attributes: Array<AttributeValues.Bounded> | undefined = undefined
  dropped = 0
  private readonly limits: SpanLimits

  constructor(limits: SpanLimits) {
    this.limits = limits
  }

  add(name: string, high: number, low: number, attributes: Record<string, unknown> | undefined): void {
    const { limits: { attributePerEventCountLimit, attributeValueLengthLimit, eventCountLimit }, names, times } = this
    if (names.length >= eventCountLimit) {
      this.dropped++
      if (eventCountLimit === 0) return
      names.shift()
      times.splice(0, 2)
      this.attributes?.shift()
    }
    const kept = AttributeValues.bounded(attributes, attributePerEventCountLimit, attributeValueLengthLimit)
    if (kept !== AttributeValues.nothing) this.attributes ??= names.map(() => AttributeValues.nothing)
    names.push(name)
    times.push(high, low)
    this.attributes?.push(kept)
  }

  list(): ReadonlyArray<SpanEvent> {
    const { attributes, names, times } = this
    return names.map((name, i) => ({
      name,
      at: nanosOf(times[2 * i]!, times[2 * i + 1]!),
      ...attributes?.[i] ?? AttributeValues.nothing
    }))
  }
}
