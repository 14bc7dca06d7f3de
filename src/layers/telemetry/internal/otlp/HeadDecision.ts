/** Decides of traces before anything is made for them, and gives those that are made their ids. */
import type { HeadSampling } from "../../../../services/HeadSampler.ts"
import { RatioSampler, type Sampling } from "./Sampling.ts"
import { randomWord, TraceId } from "./TraceIds.ts"

/** @category models */
export class HeadDecision {
  private readonly parentBased: boolean
  private readonly ratio: RatioSampler
  /** Id of the next trace, which has been decided for. */
  private prepared: TraceId | undefined = undefined

  constructor({ parentBased, ratio }: Sampling) {
    this.parentBased = parentBased
    this.ratio = new RatioSampler(ratio)
  }

  /** Whether the span is exported that is about to begin, under `parent` or as the first of a trace. */
  readonly sampled: HeadSampling = (parent) => {
    if (parent !== undefined) return this.parentBased ? parent.sampled : this.ratio.id(parent.traceId)
    if (this.prepared !== undefined) return true
    const [a, b, c, d] = [randomWord(), randomWord(), randomWord(), randomWord()]
    if (!this.ratio.words(a, b, c, d)) return false
    this.prepared = idOf(a, b, c, d)
    return true
  }

  /** Id of a trace that begins: the one that was decided for last, where it is not used yet. */
  traceId(): TraceId {
    const id = this.prepared ?? idOf(randomWord(), randomWord(), randomWord(), randomWord())
    this.prepared = undefined
    return id
  }
}

/** The words are all zero once in 2 to the power of 128 traces: that is no id. */
const idOf = (a: number, b: number, c: number, d: number): TraceId =>
  new TraceId(a, b, c, (a | b | c | d) === 0 ? 1 : d)
