/** Decides of traces before anything is made for them, and gives those that are made their ids. */
import { RandomIdGenerator } from "@opentelemetry/sdk-trace-base"
import type { IdGenerator } from "@opentelemetry/sdk-trace-base"
import type { HeadSampling } from "../../../../services/HeadSampler.ts"
import { RatioSampler, type Sampling } from "./Sampling.ts"

const word = (): number => (Math.random() * 0x100000000) >>> 0

const hexadecimal = (word: number): string => word.toString(16).padStart(8, "0")

/** @category models */
export class HeadDecision implements IdGenerator {
  private readonly parentBased: boolean
  private readonly ratio: RatioSampler
  private readonly random = new RandomIdGenerator()
  /** Id of the next trace, which has been decided for. */
  private prepared: string | undefined = undefined

  constructor({ parentBased, ratio }: Sampling) {
    this.parentBased = parentBased
    this.ratio = new RatioSampler(ratio)
  }

  /** Whether the span is exported that is about to begin, under `parent` or as the first of a trace. */
  readonly sampled: HeadSampling = (parent) => {
    if (parent !== undefined) return this.parentBased ? parent.sampled : this.ratio.id(parent.traceId)
    if (this.prepared !== undefined) return true
    const [a, b, c, d] = [word(), word(), word(), word()]
    if (!this.ratio.words(a, b, c, d)) return false
    // The words are all zero once in 2 to the power of 128 traces: that is no id.
    this.prepared = (a | b | c | d) === 0
      ? this.random.generateTraceId()
      : `${hexadecimal(a)}${hexadecimal(b)}${hexadecimal(c)}${hexadecimal(d)}`
    return true
  }

  generateTraceId(): string {
    const id = this.prepared ?? this.random.generateTraceId()
    this.prepared = undefined
    return id
  }

  generateSpanId(): string {
    return this.random.generateSpanId()
  }
}
