/** Procedures that are answered only to requests with a certain header. */
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import { Restricted } from "../Errors.ts"

/** Refuses requests that lack the header of their procedure's category. Every server provides one; clients need none. @category services */
export class Restriction
  extends RpcMiddleware.Service<Restriction>()("galatea/schema/rpc/Restriction", { error: Restricted })
{}
