/**
 * Shared memory that clients register: of the system, and of CUDA devices as in a server that was built without GPUs.
 *
 * Source: protocol §3.9, §3.10, §7.3.
 */
import { Result } from "effect"
import * as Fields from "../../../../../schema/proto/SharedMemoryFields.ts"
import { disabled } from "../../../../../services/ClientMemory.ts"
import * as CudaRegions from "../../CudaRegions.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

const category = "shared-memory"

/** @internal */
export const rpcs = (door: Door) => ({ ...system(door), ...cuda(door) })

const system = ({ clientMemory }: Door) => ({
  SystemSharedMemoryStatus: unary({
    category,
    request: Fields.SystemSharedMemoryStatusRequest,
    response: Fields.SystemSharedMemoryStatusResponse,
    answer: ({ name }, call) => {
      const found = clientMemory.status(name)
      if (Result.isFailure(found)) return call.failure(found.failure)
      call.reply({
        regions: Object.fromEntries(
          found.success.map(({ byteSize, key, name, offset }) => [
            name,
            { name, key, offset: BigInt(offset), byte_size: BigInt(byteSize) }
          ])
        )
      })
    }
  }),
  SystemSharedMemoryRegister: unary({
    category,
    request: Fields.SystemSharedMemoryRegisterRequest,
    response: Fields.SystemSharedMemoryRegisterResponse,
    answer: ({ byte_size, key, name, offset }, call) => {
      const registered = clientMemory.register(name, key, offset, byte_size)
      if (Result.isFailure(registered)) call.failure(registered.failure)
      else call.reply({})
    }
  }),
  SystemSharedMemoryUnregister: unary({
    category,
    request: Fields.SystemSharedMemoryUnregisterRequest,
    response: Fields.SystemSharedMemoryUnregisterResponse,
    answer: ({ name }, call) => {
      const ended = clientMemory.unregister(name)
      if (Result.isFailure(ended)) call.failure(ended.failure)
      else call.reply({})
    }
  })
})

const cuda = ({ clientMemory }: Door) => ({
  CudaSharedMemoryStatus: unary({
    category,
    request: Fields.CudaSharedMemoryStatusRequest,
    response: Fields.CudaSharedMemoryStatusResponse,
    answer: ({ name }, call) => {
      const failure = CudaRegions.statusFailure(clientMemory, name)
      if (failure === undefined) call.reply({})
      else call.failure(failure)
    }
  }),
  CudaSharedMemoryRegister: unary({
    category,
    request: Fields.CudaSharedMemoryRegisterRequest,
    response: Fields.CudaSharedMemoryRegisterResponse,
    answer: ({ name }, call) => call.failure(CudaRegions.notSupported(name))
  }),
  CudaSharedMemoryUnregister: unary({
    category,
    request: Fields.CudaSharedMemoryUnregisterRequest,
    response: Fields.CudaSharedMemoryUnregisterResponse,
    answer: (_, call) => {
      if (clientMemory.allowed) call.reply({})
      else call.failure(disabled())
    }
  })
})
