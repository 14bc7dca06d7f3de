/** RPCs of the protocol whose features this server does not have: they answer UNIMPLEMENTED and say which feature it is. */
import { Unsupported } from "../../../../../schema/Errors.ts"
import type { RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { Rpc } from "./Rpc.ts"

const refuse = (category: RestrictedCategory, feature: string): Rpc => ({
  category,
  serve: (call) =>
    call.failure(new Unsupported({ message: `This server does not implement the ${feature} extension.` }))
})

const system = refuse("shared-memory", "system shared memory")
const cuda = refuse("shared-memory", "cuda shared memory")

/** @internal */
export const rpcs = () => ({
  SystemSharedMemoryStatus: system,
  SystemSharedMemoryRegister: system,
  SystemSharedMemoryUnregister: system,
  CudaSharedMemoryStatus: cuda,
  CudaSharedMemoryRegister: cuda,
  CudaSharedMemoryUnregister: cuda
})
