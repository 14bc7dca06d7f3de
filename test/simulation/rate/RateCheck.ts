/** Simulates many plans with fast-check. */
import * as fc from "fast-check"
import type { Outcome } from "../Check.ts"
import type { Property } from "./RateModel.ts"
import * as RatePlan from "./RatePlan.ts"
import { simulate } from "./RateSimulation.ts"

export interface Options {
  readonly seed: number
  readonly runs: number
  /** Of a failure that was reported: runs only that. */
  readonly path?: string | undefined
  /** Which violations count; every one unless told. */
  readonly counts?: Property
  /** Makes the counterexample small. Default: true. */
  readonly shrink?: boolean
}

export const check = ({ counts, path, runs, seed, shrink = true }: Options): Outcome => {
  const details = fc.check(
    fc.property(RatePlan.arbitrary, (plan) => {
      const violation = simulate(plan).find(({ property }) => counts === undefined || property === counts)
      if (violation !== undefined) throw new Error(`${violation.property}: ${violation.what}`)
    }),
    { numRuns: runs, seed, endOnFailure: !shrink, ...(path === undefined ? {} : { path }) }
  )
  if (!details.failed) return { runs: details.numRuns, failure: undefined }
  const message = details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance)
  return {
    runs: details.numRuns,
    failure: `${message}\n  after ${details.numRuns} schedules and ${details.numShrinks} steps to a smaller one\n` +
      `  reproduce: node test/simulation/rate/main.ts --seed ${details.seed} --path ${details.counterexamplePath}\n` +
      `  plan: ${JSON.stringify(details.counterexample?.[0])}`
  }
}
