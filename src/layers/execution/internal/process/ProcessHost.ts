/** How processes of instances are started. */
import { Duration } from "effect"
import type { Options } from "./HostProcess.ts"

/** @category models */
export interface Settings {
  readonly file?: URL
  readonly heapMegabytes: number
  readonly environment: NodeJS.ProcessEnv
  readonly files?: boolean | undefined
  /** Default: 3 seconds. */
  readonly heartbeatTimeout?: Duration.Input
}

/** Beats within the time after which a process is taken for dead. */
const beats = 8

/** The options of a process. @category constructors */
export const options = ({ heartbeatTimeout = "3 seconds", ...rest }: Settings): Options => {
  const heartTimeoutMillis = Duration.toMillis(Duration.fromInputUnsafe(heartbeatTimeout))
  return { ...rest, heartTimeoutMillis, heartMillis: Math.max(20, Math.min(1000, heartTimeoutMillis / beats)) }
}
