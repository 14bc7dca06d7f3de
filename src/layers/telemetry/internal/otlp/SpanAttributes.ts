/** Attributes of a span, within bounds: of too many the first ones are kept. */
import type { Facts } from "../../spans/OwnSpan.ts"
import { bounded } from "../../spans/SpanValues.ts"
import * as AttributeValues from "./AttributeValues.ts"
import type { SpanLimits } from "./Bounds.ts"
import type { FactBlock, FactBlocks } from "./FactBlock.ts"

/** @category models */
export class SpanAttributes {
  /** What comes before those in `names`. */
  facts: FactBlock | undefined = undefined
  readonly names: Array<string> = []
  readonly values: Array<AttributeValues.Value> = []
  dropped = 0
  private readonly limits: SpanLimits

  constructor(limits: SpanLimits) {
    this.limits = limits
  }

  addFacts(facts: Facts, maxLength: number, blocks: FactBlocks): void {
    if (this.facts === undefined && this.names.length === 0 && facts.length <= this.limits.attributeCountLimit) {
      this.facts = blocks.of(facts, maxLength)
      return
    }
    for (const [name, value] of facts) this.add(name, typeof value === "string" ? bounded(value, maxLength) : value)
  }

  /** Of a name that is there already, the last value counts. */
  add(name: string, value: unknown): void {
    const { facts, limits: { attributeCountLimit, attributeValueLengthLimit }, names, values } = this
    for (let i = 0; i < names.length; i++) {
      if (names[i] === name) {
        values[i] = AttributeValues.of(value, attributeValueLengthLimit)
        return
      }
    }
    let count = names.length
    if (facts !== undefined) {
      if (facts.has(name)) {
        this.unfold(facts)
        return this.add(name, value)
      }
      count += facts.names.length
    }
    if (count >= attributeCountLimit) {
      this.dropped++
      return
    }
    names.push(name)
    values.push(AttributeValues.of(value, attributeValueLengthLimit))
  }

  all(): ReadonlyMap<string, AttributeValues.Value> {
    const { facts, names, values } = this
    const all = new Map<string, AttributeValues.Value>()
    if (facts !== undefined) { for (const [i, name] of facts.names.entries()) all.set(name, facts.values[i]!) }
    for (const [i, name] of names.entries()) all.set(name, values[i]!)
    return all
  }

  /** What many have in common becomes this one's own, of which one is about to change. */
  private unfold(facts: FactBlock): void {
    this.facts = undefined
    this.names.unshift(...facts.names)
    this.values.unshift(...facts.values)
  }
}
