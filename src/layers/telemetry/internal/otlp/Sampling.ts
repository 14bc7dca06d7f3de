/** Which traces are made: OpenTelemetry's samplers. Source: OpenTelemetry, "Tracing SDK", "Sampling". */
import type { Variables } from "./Variables.ts"

/** @category models */
export interface Sampling {
  /** Where there is a span above, its decision holds. */
  readonly parentBased: boolean
  /** Share of the traces that are made, from 0 to 1, where nothing above decides. */
  readonly ratio: number
}

const words = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
] as const

const isRatio = (text: string): boolean => /^(?:\d+(?:\.\d*)?|\.\d+)(?:e-?\d+)?$/i.test(text) && Number(text) <= 1

/** By `OTEL_TRACES_SAMPLER` and its argument; every trace is made where they say nothing. @category parsing */
export const read = (variables: Variables): Sampling => {
  const name = variables.word(["OTEL_TRACES_SAMPLER"], words, "parentbased_always_on")
  const parentBased = name.startsWith("parentbased_")
  if (name.endsWith("always_on")) return { parentBased, ratio: 1 }
  if (name.endsWith("always_off")) return { parentBased, ratio: 0 }
  const argument = variables.text("OTEL_TRACES_SAMPLER_ARG")
  if (argument !== undefined && isRatio(argument)) return { parentBased, ratio: Number(argument) }
  if (argument === undefined) {
    variables.warnings.push(
      `OTEL_TRACES_SAMPLER=${name} without OTEL_TRACES_SAMPLER_ARG: every trace is made. `
        + "Set it to the share of traces, such as 0.01"
    )
  } else variables.warn("OTEL_TRACES_SAMPLER_ARG", argument, "a number from 0 to 1; 1 is used")
  return { parentBased, ratio: 1 }
}

/** Below this the four words of a trace id, put together, are sampled: the rule of OpenTelemetry's SDK for JavaScript. */
const bound = (ratio: number): number => ratio === 1 ? 0x100000000 : Math.floor(ratio * 0xffffffff)

/** Decides by the id of a trace: the same one is always decided the same way. @category sampling */
export class RatioSampler {
  /** Of the values of four words put together, so many are sampled. */
  readonly bound: number

  constructor(ratio: number) {
    this.bound = bound(ratio)
  }

  /** By the words of the id. */
  words(a: number, b: number, c: number, d: number): boolean {
    return (a ^ b ^ c ^ d) >>> 0 < this.bound
  }

  /** By the id, 32 hexadecimal digits. */
  id(traceId: string): boolean {
    const word = (at: number): number => Number.parseInt(traceId.slice(at, at + 8), 16)
    return this.words(word(0), word(8), word(16), word(24))
  }
}
