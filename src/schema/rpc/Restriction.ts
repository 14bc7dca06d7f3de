/** Procedures that are answered only to requests with a certain header, or with an API key that allows them. */
import { Schema } from "effect"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import { Forbidden, Overloaded, RateLimited, Restricted, Unauthenticated } from "../Errors.ts"

/** Why a request is not let through. @category errors */
export const AccessFailure = Schema.Union([Restricted, Unauthenticated, Forbidden, RateLimited, Overloaded])
/** @category errors */
export type AccessFailure = typeof AccessFailure.Type

/** Refuses requests that lack the header of their procedure's category or an API key, or that come too often. Every server provides one; clients need none. @category services */
export class Restriction
  extends RpcMiddleware.Service<Restriction>()("galatea/schema/rpc/Restriction", { error: AccessFailure })
{}
