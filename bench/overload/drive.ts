/** Starts generators, and makes figures of what they have seen. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Outcome } from "./doors.ts"
import type { Order, Sent } from "./generator.ts"

/** What became of all requests of a load. */
export const drive = (order: Order): Promise<ReadonlyArray<Sent>> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("./generator.ts", import.meta.url)), { serialization: "advanced" })
    let all: ReadonlyArray<Sent> | undefined
    child.once("message", (message) => {
      all = message as ReadonlyArray<Sent>
    })
    child.once("error", reject)
    child.once("exit", (code) =>
      all === undefined ? reject(new Error(`the generator ended with ${code} before it was done`)) : resolve(all))
    child.send(order)
  })

/** Those that ended one way. */
export const thatWere = (all: ReadonlyArray<Sent>, outcome: Outcome): ReadonlyArray<Sent> =>
  all.filter((one) => one.outcome === outcome)

/** Milliseconds from when a request was to be sent until its answer: a generator that is late counts against the server. */
export const waited = (all: ReadonlyArray<Sent>): ReadonlyArray<number> => all.map(({ due, ended }) => ended - due)

/** Milliseconds from when a request was sent until its answer. */
export const took = (all: ReadonlyArray<Sent>): ReadonlyArray<number> => all.map(({ ended, sent }) => ended - sent)

/** A share of the values is not above this one. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}
