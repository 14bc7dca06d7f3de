/** What the RPCs share. */
import type { CompressionLevel } from "../../../../../schema/options/GrpcRows.ts"
import type { ClientMemoryState } from "../../../../../services/ClientMemory.ts"
import type { InferenceServer } from "../../../../../services/InferenceServer.ts"
import type { LogSettingsState } from "../../../../../services/LogSettings.ts"
import type { TensorMemory } from "../../../../../services/TensorMemory.ts"
import type { Forward } from "../../HeaderForwarding.ts"
import type { ClientTensors } from "../../infer/ClientTensors.ts"
import type { TraceSettings } from "../../TraceSettings.ts"
import type { Arrivals } from "../../tracing/Arrivals.ts"
import type { Ending } from "./Ending.ts"

/** @internal */
export interface Door {
  readonly server: InferenceServer["Service"]
  readonly logSettings: LogSettingsState
  readonly memory: TensorMemory["Service"]
  readonly clientMemory: ClientMemoryState
  /** What moves the tensors of a request that lie in shared memory of its client. */
  readonly clientTensors: () => ClientTensors
  readonly traceSettings: TraceSettings
  readonly forward: Forward | undefined
  readonly arrivals: Arrivals
  readonly ending: Ending
  readonly compression: CompressionLevel
  /** Bytes of one message to a client. */
  readonly maxSendMessageBytes: number
  /** Requests of one stream in the server at a time. */
  readonly maxStreamRequests: number
}
