/** Simulates many plans of ensembles with fast-check. */
import * as fc from "fast-check"
import type { Property } from "./DagModel.ts"
import { arbitrary } from "./DagPlan.ts"
import { simulate, type Subject } from "./DagSimulation.ts"

export interface Options {
  readonly seed: number
  readonly runs: number
  /** Of a failure that was reported: runs only that. */
  readonly path?: string | undefined
  readonly subject?: Subject
  /** The property whose violations count; every one unless told. */
  readonly counts?: Property
  /** Makes the counterexample small. Default: true. */
  readonly shrink?: boolean
}

/** How many schedules were run, and a report with what reproduces it where one did not hold. */
export const check = ({ counts, path, runs, seed, shrink = true, subject }: Options) => {
  const details = fc.check(
    fc.property(arbitrary, (plan) => {
      const violation = simulate(plan, subject).find(({ property }) => counts === undefined || property === counts)
      if (violation !== undefined) throw new Error(`${violation.property}: ${violation.what}`)
    }),
    { numRuns: runs, seed, endOnFailure: !shrink, ...(path === undefined ? {} : { path }) }
  )
  if (!details.failed) return { runs: details.numRuns, failure: undefined }
  const message = details.errorInstance instanceof Error ? details.errorInstance.stack : String(details.errorInstance)
  return {
    runs: details.numRuns,
    failure:
      `${
        message?.replace(/^Error: /, "")
      }\n  after ${details.numRuns} schedules and ${details.numShrinks} steps to a smaller one\n` +
      `  reproduce: node test/simulation/ensemble/main.ts --seed ${details.seed} --path ${details.counterexamplePath}\n` +
      `  plan: ${JSON.stringify(details.counterexample?.[0])}`
  }
}
