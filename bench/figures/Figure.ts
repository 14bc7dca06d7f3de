/** What a figure is, and how one is measured beside a yardstick. */
import { drive, type Outcome } from "../load.ts"
import { metered } from "../processor.ts"
import type * as requests from "../requests.ts"
import type { Started } from "../server.ts"

/** Of the server, and of the yardstick. */
export type Pair = readonly [server: number, yardstick: number]

/** One repetition: the server's value, the yardstick's, and what is compared with the goal. */
export interface Measured {
  readonly value: number
  readonly beside: number
  readonly ratio: number
  /** Median latencies in microseconds, where they were measured. */
  readonly p50?: Pair
  /** Microseconds of processor time for each request, where they were measured. */
  readonly micros?: Pair
}

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly goal: string
  readonly reached: (ratio: number) => boolean
  /** The best ratio that Triton has reached, where it was measured: see `Triton.ts`. */
  readonly triton?: number | undefined
  /** What the repetitions come to. Default: the median. */
  readonly of?: "median" | "highest"
  readonly measure: () => Promise<Measured>
}

/** What the figures of one server share. */
export interface Context {
  /** Seconds of each measurement, which are divided among its loads. */
  readonly seconds: number
  /** Base URL of the server. */
  readonly url: () => string
  readonly grpcPort: () => number
  readonly pid: () => number
}

/** The context of a server that runs, and stays. */
export const contextOf = (seconds: number, server: Started): Context => ({
  seconds,
  url: () => server.url,
  grpcPort: () => server.grpcPort,
  pid: () => server.pid
})

export const atLeast = (goal: number) => (ratio: number): boolean => ratio >= goal

export const atMost = (goal: number) => (ratio: number): boolean => ratio <= goal

/** Seconds of one load of four: load generators take whole ones. */
export const half = (seconds: number): number => Math.max(1, Math.round(seconds / 2))

/** A load with what it has cost the process that met it. */
export type Metered = Outcome & { readonly micros: number }

/** One load of a model, of half of the measurement. */
export const load = (
  { pid, seconds, url }: Context,
  model: string,
  request: requests.BinaryRequest,
  connections: number
): Promise<Metered> =>
  metered(
    pid(),
    () => drive({ ...request, url: `${url()}/v2/models/${model}/infer`, connections, seconds: half(seconds) })
  )

const mean = (one: Metered, other: Metered): Metered => ({
  perSecond: (one.perSecond + other.perSecond) / 2,
  p50: (one.p50 + other.p50) / 2,
  requests: one.requests + other.requests,
  micros: (one.micros + other.micros) / 2
})

/** Two loads in turns, so that a minute that gets slower or faster is no advantage of either. What is compared is requests per second. */
export const inTurns = async (
  value: () => Promise<Metered>,
  beside: () => Promise<Metered>
): Promise<Measured> => {
  const [b1, v1, v2, b2] = [await beside(), await value(), await value(), await beside()]
  const [v, b] = [mean(v1, v2), mean(b1, b2)]
  return {
    value: v.perSecond,
    beside: b.perSecond,
    ratio: v.perSecond / b.perSecond,
    p50: [v.p50, b.p50],
    micros: [v.micros, b.micros]
  }
}

/** The same repetition, seen by its median latencies. */
export const byLatency = (measured: Measured): Measured => {
  const [value, beside] = measured.p50!
  return { ...measured, value, beside, ratio: value / beside }
}

/** The same repetition, seen by the processor time of a request. */
export const byCost = (measured: Measured): Measured => {
  const [value, beside] = measured.micros!
  return { ...measured, value, beside, ratio: value / beside }
}

/** Measures once before, unmeasured: a server that has just started has not compiled its path yet. */
export const warmed = (measure: () => Promise<Measured>, warmUp: () => Promise<unknown>): () => Promise<Measured> => {
  let isWarm = false
  return async () => {
    if (!isWarm) await warmUp()
    isWarm = true
    return measure()
  }
}

/** Requests per second of one model beside those of another on the same server. */
export const besideModel = (
  context: Context,
  model: string,
  other: string,
  request: requests.BinaryRequest,
  connections: number
): () => Promise<Measured> => {
  const value = () => load(context, model, request, connections)
  const beside = () => load(context, other, request, connections)
  return warmed(() => inTurns(value, beside), async () => {
    await beside()
    await value()
  })
}
