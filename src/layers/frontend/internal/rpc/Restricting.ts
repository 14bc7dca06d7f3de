/** The checks before each procedure: the header of its category, and access. */
import { Context, Effect } from "effect"
import type { Headers } from "effect/http/Headers"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { Restricted } from "../../../../schema/Errors.ts"
import * as Operations from "../../../../schema/Operations.ts"
import type { RestrictedCategory } from "../../../../schema/options/ValueTypes.ts"
import { InferenceRpcs } from "../../../../schema/rpc/InferenceRpcs.ts"
import { Restriction } from "../../../../schema/rpc/Restriction.ts"
import type { AccessState, Asker, Pass, Refused, Verdict } from "../../../../services/Access.ts"
import * as AdminOperations from "../AdminOperations.ts"
import type { HeaderRecord, Restrictions } from "../Restrictions.ts"
import { forwardedHeader, peerHeader } from "./Peer.ts"

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

/** What the client of the procedure that is being answered may see; `undefined`: everything. @internal */
export const CurrentPass: Context.Reference<Pass | undefined> = Context.Reference<Pass | undefined>(
  "galatea/layers/frontend/rpc/CurrentPass",
  { defaultValue: () => undefined }
)

/** Also without access: a procedure that is missing in the table must not come to be served by then. */
const operations: ReadonlyMap<string, Operations.Operation> = new Map(
  Array.from(InferenceRpcs.requests.keys(), (name) => [name, Operations.ofProcedure(name)])
)

const askerOf = (headers: Headers, knowsPeer: boolean): Asker => ({
  authorization: headers["authorization"],
  apiKey: headers["x-api-key"],
  peer: knowsPeer ? unlessEmpty(headers[peerHeader]) : undefined,
  forwardedFor: knowsPeer ? unlessEmpty(headers[forwardedHeader]) : undefined
})

const unlessEmpty = (text: string | undefined): string | undefined => text === "" ? undefined : text

interface Payload {
  readonly model?: string
  readonly change?: unknown
}

/** Why a request may not go on that its verdict lets pass so far. */
const refusalOf = ({ about, change }: Operations.Operation, pass: Pass, payload: Payload): Refused | undefined => {
  if (about !== "model" && about !== "server") return undefined
  const model = payload.model ?? ""
  if (change !== undefined) return payload.change === undefined ? pass.over(model) : pass.change(model)
  // Without a model it is answered with the visible ones.
  return about === "model" && model === "" ? undefined : pass.over(model)
}

interface Policies {
  readonly restrictions: Restrictions<HeaderRecord>
  readonly access: AccessState | undefined
  /** The transport says of each request where it came from, see `Peer`; otherwise nobody does. */
  readonly knowsPeer: boolean
  /** Administration is refused, because it has an address of its own. */
  readonly adminElsewhere: boolean
}

/** @internal */
export const make = ({ access, adminElsewhere, knowsPeer, restrictions }: Policies): Restriction["Service"] =>
  Restriction.of((effect, { headers, payload, rpc }) => {
    const category = categories[rpc._tag as Procedure]
    if (adminElsewhere && AdminOperations.isAdmin(category, rpc._tag)) {
      return Effect.fail(new Restricted({ message: AdminOperations.refusal }))
    }
    const header = restrictions.missing(category, headers)
    if (header !== undefined) {
      return Effect.fail(new Restricted({ message: `This API is restricted, expecting header '${header}'` }))
    }
    if (access === undefined) return effect
    const operation = operations.get(rpc._tag)!
    const settle = (verdict: Verdict): typeof effect => {
      const refused = verdict._tag === "Refused"
        ? verdict
        : refusalOf(operation, verdict, (payload ?? {}) as Payload)
      if (refused !== undefined) return Effect.fail(refused.failure)
      return Effect.provideService(effect, CurrentPass, verdict._tag === "Pass" ? verdict : undefined)
    }
    const verdict = access.admit(operation, askerOf(headers, knowsPeer), undefined)
    return Effect.isEffect(verdict) ? Effect.flatMap(verdict, settle) : settle(verdict)
  })
