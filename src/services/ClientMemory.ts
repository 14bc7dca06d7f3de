/**
 * Shared memory of clients: regions that they register by name, so that tensors need not travel in requests.
 *
 * Upstream: front ends, which register regions and take windows of them. Downstream: the shared memory of the machine.
 *
 * Source: protocol §3.9, §4.9.
 */
import { Context, Result } from "effect"
import {
  type InvalidRequest,
  type Overloaded,
  RegionNotFound,
  type RegionNotOpened,
  type RegionTaken,
  Unsupported
} from "../schema/Errors.ts"

/** A region as its client registered it. @category models */
export interface RegionStatus {
  readonly name: string
  /** Name of the shared memory, as the client gave it. */
  readonly key: string
  /** Bytes of the shared memory before the region. */
  readonly offset: number
  readonly byteSize: number
}

/**
 * A part of a region that one request uses. The region stays open until `release`, which is called once, even where it is unregistered
 * in between. A copy takes place within the call: whoever moves much does it in pieces, so as not to hold up others.
 *
 * @category models
 */
export interface Window {
  readonly byteLength: number
  /** Fills `target` from `at` bytes into the window. Fails where the client has made the shared memory smaller. */
  readonly read: (target: Uint8Array, at: number) => Result.Result<void, InvalidRequest>
  /** Writes at `at` bytes into the window. Fails where the shared memory has become smaller, or is full. */
  readonly write: (bytes: Uint8Array, at: number) => Result.Result<void, InvalidRequest>
  readonly release: () => void
}

/** @category models */
export interface ClientMemoryState {
  /** Clients may register regions. */
  readonly allowed: boolean
  /** Every region in order of name, or the one that is asked for; `""`: every one. */
  readonly status: (name: string) => Result.Result<ReadonlyArray<RegionStatus>, RegionNotFound>
  /** Opens the shared memory `key`, whose `byteSize` bytes from `offset` become the region. Sizes up to 2^64-1. */
  readonly register: (
    name: string,
    key: string,
    offset: number | bigint,
    byteSize: number | bigint
  ) => Result.Result<void, InvalidRequest | RegionTaken | RegionNotOpened | Overloaded | Unsupported>
  /**
   * Ends a region, or all of them for `""`; one that is not there is no mistake. Requests get no window of it from then on, and its
   * name is free after the last window was released.
   */
  readonly unregister: (name: string) => Result.Result<void, Unsupported>
  /** A part of a region. Offsets count from the region's beginning; any integers may be given. */
  readonly window: (
    name: string,
    offset: number | bigint,
    byteSize: number | bigint
  ) => Result.Result<Window, RegionNotFound | InvalidRequest>
}

/** The failure of a tensor whose region is not registered. @category errors */
export const regionNotFound = (name: string): RegionNotFound =>
  new RegionNotFound({ message: `Unable to find shared memory region: '${name}'` })

/** The failure of a system region whose status is asked for, and that is not registered. @category errors */
export const systemRegionNotFound = (name: string): RegionNotFound =>
  new RegionNotFound({ message: `Unable to find system shared memory region: '${name}'` })

/** What clients are told where they may not register memory. @category errors */
export const disabled = (): Unsupported =>
  new Unsupported({
    message: "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
  })

/** Without a service of its own clients may not register memory. @category services */
export const ClientMemory: Context.Reference<ClientMemoryState> = Context.Reference<ClientMemoryState>(
  "galatea/services/ClientMemory",
  {
    defaultValue: () => ({
      allowed: false,
      status: (name) => name === "" ? Result.succeed([]) : Result.fail(systemRegionNotFound(name)),
      register: () => Result.fail(disabled()),
      unregister: () => Result.fail(disabled()),
      window: (name) => Result.fail(regionNotFound(name))
    })
  }
)
