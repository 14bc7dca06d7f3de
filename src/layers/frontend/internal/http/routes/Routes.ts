/** Every route of the protocol and of this server, but for the console and RPC, which others decide about. */
import type { Route } from "../Router.ts"
import * as Config from "./Config.ts"
import type { Door } from "./Door.ts"
import * as Health from "./Health.ts"
import * as Infer from "./Infer.ts"
import * as Logging from "./Logging.ts"
import * as Metadata from "./Metadata.ts"
import * as NotImplemented from "./NotImplemented.ts"
import * as OpenApi from "./OpenApi.ts"
import * as Repository from "./Repository.ts"
import * as Rollout from "./Rollout.ts"
import * as SharedMemory from "./SharedMemory.ts"
import * as Statistics from "./Statistics.ts"
import * as Trace from "./Trace.ts"

/** @internal */
export const all = (door: Door): ReadonlyArray<Route> => [
  ...Infer.routes(door),
  ...Health.routes(door),
  ...Metadata.routes(door),
  ...Config.routes(door),
  ...Repository.routes(door),
  ...Rollout.routes(door),
  ...Statistics.routes(door),
  ...Trace.routes(door),
  ...Logging.routes(door),
  ...SharedMemory.routes(door),
  ...OpenApi.routes(door),
  ...NotImplemented.routes()
]
