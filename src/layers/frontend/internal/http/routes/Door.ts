/** What the routes share. */
import type { ClientMemoryState } from "../../../../../services/ClientMemory.ts"
import type { InferenceServer } from "../../../../../services/InferenceServer.ts"
import type { LogSettingsState } from "../../../../../services/LogSettings.ts"
import type { TensorMemory } from "../../../../../services/TensorMemory.ts"
import type { Forward } from "../../HeaderForwarding.ts"
import type { ClientTensors } from "../../infer/ClientTensors.ts"
import type { InFlight } from "../../InFlight.ts"
import type { TraceSettings } from "../../TraceSettings.ts"
import type { Arrivals } from "../../tracing/Arrivals.ts"

/** @internal */
export interface Door {
  readonly server: InferenceServer["Service"]
  readonly logSettings: LogSettingsState
  readonly memory: TensorMemory["Service"]
  readonly clientMemory: ClientMemoryState
  /** What moves the tensors of a request that lie in shared memory of its client. */
  readonly clientTensors: () => ClientTensors
  readonly traceSettings: TraceSettings
  readonly inFlight: InFlight
  readonly arrivals: Arrivals
  /** Bytes of JSON, of a raw request, and of a decompressed body. */
  readonly maxInputSize: number
  readonly forward: Forward | undefined
  /** Answers to inference carry `Server-Timing`. */
  readonly serverTiming: boolean
}
