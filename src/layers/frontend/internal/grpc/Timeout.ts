/** Reads the header `grpc-timeout`. Source: gRPC over HTTP/2, "Requests": up to eight digits and a unit. */

const millis: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001
}

/** Milliseconds; `undefined` for what is no timeout. @internal */
export const parse = (text: string): number | undefined =>
  /^\d{1,8}[HMSmun]$/.test(text) ? Number(text.slice(0, -1)) * millis[text.at(-1)!]! : undefined
