/** What the thread of a front is started with. This module is loaded by both threads. */
import type { Http1Options } from "../http1/Http1Connection.ts"

/** @internal */
export interface FrontStart {
  readonly address: string
  readonly port: number
  /** The number of the front, from 0 on. */
  readonly index: number
  /** Whether it listens at once; otherwise it waits until it is told. */
  readonly listens: boolean
  readonly up: SharedArrayBuffer
  readonly down: SharedArrayBuffer
  readonly seats: SharedArrayBuffer
  readonly maxConnections: number
  readonly http: Http1Options
}
