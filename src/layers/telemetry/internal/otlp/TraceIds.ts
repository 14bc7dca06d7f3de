/** Ids of traces and spans as words of 32 bits: their hexadecimal digits are written where somebody reads them, which few do. */
import type { TraceContext } from "../../../../schema/RequestTrace.ts"

const octets: ReadonlyArray<string> = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"))

const hexadecimal = (word: number): string =>
  octets[word >>> 24]! + octets[(word >>> 16) & 0xff]! + octets[(word >>> 8) & 0xff]! + octets[word & 0xff]!

/** The word at a place of a text; what are no digits counts as 0. */
const wordAt = (text: string, at: number): number => Number.parseInt(text.slice(at, at + 8), 16) | 0

const traceDigits = /^(?!0+$)[0-9a-f]{32}$/i
const spanDigits = /^(?!0+$)[0-9a-f]{16}$/i

/** They are ids as W3C's trace context has them: others are nobody's parent. @category guards */
export const areValid = ({ spanId, traceId }: Pick<TraceContext, "spanId" | "traceId">): boolean =>
  traceDigits.test(traceId) && spanDigits.test(spanId)

/** 32 random bits. @category constructors */
export const randomWord = (): number => (Math.random() * 0x100000000) | 0

/** Id of a trace, which its spans share. @category models */
export class TraceId {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  private digits: string | undefined

  constructor(a: number, b: number, c: number, d: number, digits?: string) {
    this.a = a
    this.b = b
    this.c = c
    this.d = d
    this.digits = digits
  }

  /** Of 32 hexadecimal digits. */
  static parse(digits: string): TraceId {
    return new TraceId(wordAt(digits, 0), wordAt(digits, 8), wordAt(digits, 16), wordAt(digits, 24), digits)
  }

  toString(): string {
    return this.digits ??= hexadecimal(this.a) + hexadecimal(this.b) + hexadecimal(this.c) + hexadecimal(this.d)
  }
}

/** A sampled span as others refer to it. @category models */
export class SpanContext implements TraceContext {
  readonly trace: TraceId
  /** First half of the span's id. */
  readonly high: number
  readonly low: number
  readonly traceState: string | undefined
  private digits: string | undefined

  constructor(trace: TraceId, high: number, low: number, traceState: string | undefined, digits?: string) {
    this.trace = trace
    this.high = high
    this.low = low
    this.traceState = traceState
    this.digits = digits
  }

  /** A new span of a trace. */
  static random(trace: TraceId, traceState: string | undefined): SpanContext {
    const high = randomWord()
    const low = randomWord()
    return new SpanContext(trace, high, (high | low) === 0 ? 1 : low, traceState)
  }

  /** Of hexadecimal digits. */
  static parse({ spanId, traceId }: Pick<TraceContext, "spanId" | "traceId">): SpanContext {
    return new SpanContext(TraceId.parse(traceId), wordAt(spanId, 0), wordAt(spanId, 8), undefined, spanId)
  }

  get sampled(): boolean {
    return true
  }

  get isLight(): boolean {
    return true
  }

  get traceId(): string {
    return this.trace.toString()
  }

  get spanId(): string {
    return this.digits ??= hexadecimal(this.high) + hexadecimal(this.low)
  }
}
