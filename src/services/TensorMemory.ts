/**
 * Shared memory for tensors: what crosses to an execution instance without a copy lies here.
 *
 * Upstream: front ends receive bodies into it. Downstream: `Executor` recognises it and passes it on as it is.
 */
import { Context } from "effect"

/**
 * A piece of shared memory. `bytes` is a view over a `SharedArrayBuffer`, aligned to 64 bytes, of exactly the length that
 * was asked for; its contents are whatever the last user left. Give it back once with `release` (later calls do nothing);
 * a region that is dropped without it is garbage like any other.
 *
 * @category models
 */
export interface Region {
  readonly bytes: Uint8Array<SharedArrayBuffer>
  readonly release: () => void
}

/** @category services */
export class TensorMemory extends Context.Service<TensorMemory, {
  /** A region of `byteLength` bytes. Never waits; memory kept for reuse is bounded by an option. */
  readonly acquire: (byteLength: number) => Region
  /** Bytes kept idle for reuse, and bytes handed out and not given back yet. */
  readonly usage: () => { readonly idle: number; readonly inUse: number }
}>()("galatea/services/TensorMemory") {}
