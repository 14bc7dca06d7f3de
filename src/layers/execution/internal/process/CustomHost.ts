import type { HostChannel } from "./HostChannel.ts"
import type { HostMemory } from "./HostQueue.ts"
import type { CustomOpen } from "./Told.ts"
export const serve = (_instance: number, _open: CustomOpen, _channel: HostChannel, _memory: HostMemory) => {}
