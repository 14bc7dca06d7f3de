/** The scenarios of scheduling §11.3 and §11.4, through every front end, in virtual time. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type FrontEnd, play } from "./Driver.ts"
import { grpc } from "./GrpcClient.ts"
import { http } from "./HttpClient.ts"
import { scenarios } from "./SequenceScenarios.ts"

const frontEnds: ReadonlyArray<FrontEnd> = [http, grpc]

describe.each(frontEnds)("The sequence batcher over $name", (frontEnd) => {
  for (const scenario of scenarios) {
    it.effect(`${scenario.number} ${scenario.idea}`, () => Effect.scoped(play(scenario, frontEnd)))
  }
})
