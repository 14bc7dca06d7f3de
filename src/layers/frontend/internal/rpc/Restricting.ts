/** Which category of APIs each procedure belongs to, and the check that a restricted one is asked with its header. */
import { Effect } from "effect"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { Restricted } from "../../../../schema/Errors.ts"
import type { RestrictedCategory } from "../../../../schema/options/ValueTypes.ts"
import type { InferenceRpcs } from "../../../../schema/rpc/InferenceRpcs.ts"
import { Restriction } from "../../../../schema/rpc/Restriction.ts"
import * as AdminOperations from "../AdminOperations.ts"
import type { HeaderRecord, Restrictions } from "../Restrictions.ts"

type Procedure = RpcGroup.Rpcs<typeof InferenceRpcs>["_tag"]

const categories: Readonly<Record<Procedure, RestrictedCategory>> = {
  ServerLive: "health",
  ServerReady: "health",
  ModelReady: "health",
  ServerMetadata: "metadata",
  ModelMetadata: "metadata",
  ModelConfig: "model-config",
  ModelStatistics: "statistics",
  TraceSetting: "trace",
  LogSettings: "logging",
  RepositoryIndex: "model-repository",
  RepositoryModelLoad: "model-repository",
  RepositoryModelUnload: "model-repository",
  ModelInfer: "inference",
  ModelStreamInfer: "inference"
}

/** `adminElsewhere`: administration is refused, because it has an address of its own. @internal */
export const make = (restrictions: Restrictions<HeaderRecord>, adminElsewhere = false): Restriction["Service"] =>
  Restriction.of((effect, { headers, rpc }) => {
    const category = categories[rpc._tag as Procedure]
    if (adminElsewhere && AdminOperations.isAdmin(category, rpc._tag)) {
      return Effect.fail(new Restricted({ message: AdminOperations.refusal }))
    }
    const header = restrictions.missing(category, headers)
    return header === undefined
      ? effect
      : Effect.fail(new Restricted({ message: `This API is restricted, expecting header '${header}'` }))
  })
