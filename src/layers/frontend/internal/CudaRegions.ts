/** What a server without GPUs says of CUDA shared memory. Source: protocol §3.10. */
import { Result } from "effect"
import { InvalidRequest, RegionNotFound } from "../../../schema/Errors.ts"
import type { ClientMemoryState } from "../../../services/ClientMemory.ts"

/** The failure of a region that a client wants to register. @internal */
export const notSupported = (region: string): InvalidRequest =>
  new InvalidRequest({ message: `failed to register CUDA shared memory region: '${region}', GPUs not supported` })

/** Why there is no status of a region; `undefined` for `""`, which asks for every one, of which there are none. @internal */
export const statusFailure = (memory: ClientMemoryState, region: string): RegionNotFound | undefined => {
  if (region === "") return undefined
  return new RegionNotFound({
    message: Result.isSuccess(memory.status(region))
      ? `The region named '${region}' is registered as system shared memory, not CUDA shared memory`
      : `Unable to find cuda shared memory region: '${region}'`
  })
}
