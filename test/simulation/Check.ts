/** Simulates many plans of a profile with fast-check. */
import * as fc from "fast-check"
import type { Violation } from "./Model.ts"
import * as Plan from "./Plan.ts"
import { simulate, type Subject, subject } from "./Simulation.ts"

/** What the runs are about, by the name under which a failure is reproduced. */
export const profiles: Readonly<Record<string, Plan.Profile>> = {
  "direct": { kind: "direct", realLayout: false, policies: false, accidents: false },
  "direct-accidents": { kind: "direct", realLayout: true, policies: false, accidents: true },
  "batches": { kind: "dynamic", realLayout: false, policies: false, accidents: false },
  "batches-policies": { kind: "dynamic", realLayout: false, policies: true, accidents: false },
  "batches-accidents": { kind: "dynamic", realLayout: false, policies: true, accidents: true },
  "batches-tensors": { kind: "dynamic", realLayout: true, policies: true, accidents: true }
}

export interface Options {
  readonly profile: string
  readonly seed: number
  readonly runs: number
  /** Of a failure that was reported: runs only that. */
  readonly path?: string | undefined
  readonly subject?: Subject
  /** Makes other plans of those of the profile. */
  readonly change?: (plan: Plan.Plan) => Plan.Plan
  /** Which violations count; every one unless told. */
  readonly counts?: (violation: Violation) => boolean
  /** Makes the counterexample small. Default: true. */
  readonly shrink?: boolean
}

export interface Outcome {
  readonly runs: number
  /** A report, with what reproduces it; `undefined`: everything held. */
  readonly failure: string | undefined
}

export const check = (options: Options): Outcome => {
  const { counts = () => true, path, profile, runs, seed, shrink = true } = options
  const details = fc.check(
    fc.property(Plan.arbitrary(profiles[profile]!).map(options.change ?? ((plan) => plan)), (plan) => {
      const violation = simulate(plan, options.subject ?? subject).find(counts)
      if (violation !== undefined) throw new Error(`${violation.property}: ${violation.what}`)
    }),
    { numRuns: runs, seed, endOnFailure: !shrink, ...(path === undefined ? {} : { path }) }
  )
  if (!details.failed) return { runs: details.numRuns, failure: undefined }
  const message = details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance)
  return {
    runs: details.numRuns,
    failure: `${message}\n  after ${details.numRuns} schedules and ${details.numShrinks} steps to a smaller one\n` +
      `  reproduce: npm run simulate -- --profile ${profile} --seed ${details.seed} --path ${details.counterexamplePath}\n` +
      `  plan: ${JSON.stringify(details.counterexample?.[0])}`
  }
}
