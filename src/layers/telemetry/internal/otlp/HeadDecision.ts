/** Decides of traces before anything is made for them, and gives those that are made their ids. */
import type { HeadSampling } from "../../../../services/HeadSampler.ts"
import { RatioSampler, type Sampling } from "./Sampling.ts"
import { randomWord, TraceId } from "./TraceIds.ts"

/** All that four words, put together, can be. */
const wordValues = 0x100000000

/** @category models */
export class HeadDecision {
  private readonly parentBased: boolean
  private readonly ratio: RatioSampler
  /** Traces that are left out before the next one that is made: drawn at once, so that those cost no random number. */
  private leftOut: number
  /** Id of the next trace, which has been decided for. */
  private prepared: TraceId | undefined = undefined

  constructor({ parentBased, ratio }: Sampling) {
    this.parentBased = parentBased
    this.ratio = new RatioSampler(ratio)
    this.leftOut = this.draw()
  }

  /** Whether the span is exported that is about to begin, under `parent` or as the first of a trace. */
  readonly sampled: HeadSampling = (parent) => {
    if (parent !== undefined) return this.parentBased ? parent.sampled : this.ratio.id(parent.traceId)
    if (this.prepared !== undefined) return true
    if (this.leftOut > 0) {
      this.leftOut--
      return false
    }
    this.leftOut = this.draw()
    this.prepared = this.chosenId()
    return true
  }

  /** Id of a trace that begins: the one that was decided for last, where it is not used yet. */
  traceId(): TraceId {
    const id = this.prepared ?? idOf(randomWord(), randomWord(), randomWord(), randomWord())
    this.prepared = undefined
    return id
  }

  /**
   * How many traces are left out in a row where each is made by chance, all with the same: the geometric distribution. None where all
   * are made.
   */
  private draw(): number {
    const share = this.ratio.bound / wordValues
    return share === 0 ? Infinity : Math.floor(Math.log(1 - Math.random()) / Math.log1p(-share))
  }

  /** Any id that the ratio chooses, each as likely as the others. */
  private chosenId(): TraceId {
    const [a, b, c] = [randomWord(), randomWord(), randomWord()]
    return idOf(a, b, c, a ^ b ^ c ^ Math.floor(Math.random() * this.ratio.bound))
  }
}

/** The words are all zero once in 2 to the power of 128 traces: that is no id. */
const idOf = (a: number, b: number, c: number, d: number): TraceId =>
  new TraceId(a, b, c, (a | b | c | d) === 0 ? 1 : d)
