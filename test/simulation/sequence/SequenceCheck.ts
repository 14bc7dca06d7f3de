/** Simulates many plans of sequences with fast-check. */
import * as fc from "fast-check"
import type { Outcome } from "../Check.ts"
import type { Violation } from "./SequenceModel.ts"
import * as SequencePlan from "./SequencePlan.ts"
import { simulate, type Subject, subject } from "./SequenceSimulation.ts"

/** What the runs are about, by the name under which a failure is reproduced. */
export const profiles: Readonly<Record<string, SequencePlan.Profile>> = {
  "direct": { strategy: "direct", stateful: true, accidents: false },
  "direct-accidents": { strategy: "direct", stateful: true, accidents: true },
  "direct-own": { strategy: "direct", stateful: false, accidents: true },
  "oldest": { strategy: "oldest", stateful: true, accidents: false },
  "oldest-accidents": { strategy: "oldest", stateful: true, accidents: true },
  "oldest-own": { strategy: "oldest", stateful: false, accidents: true }
}

export interface Options {
  readonly profile: string
  readonly seed: number
  readonly runs: number
  /** Of a failure that was reported: runs only that. */
  readonly path?: string | undefined
  readonly subject?: Subject
  /** Makes other plans of those of the profile. */
  readonly change?: (plan: SequencePlan.SequencePlan) => SequencePlan.SequencePlan
  /** Which violations count; every one unless told. */
  readonly counts?: (violation: Violation) => boolean
  /** Makes the counterexample small. Default: true. */
  readonly shrink?: boolean
}

export const check = (options: Options): Outcome => {
  const { counts = () => true, path, profile, runs, seed, shrink = true } = options
  const plans = SequencePlan.arbitrary(profiles[profile]!).map(options.change ?? ((plan) => plan))
  const details = fc.check(
    fc.property(plans, (plan) => {
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
      `  reproduce: node test/simulation/sequence/main.ts --profile ${profile} --seed ${details.seed} ` +
      `--path ${details.counterexamplePath}\n  plan: ${fc.stringify(details.counterexample?.[0])}`
  }
}
