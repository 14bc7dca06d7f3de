/**
 * POSIX shared memory of clients, through the files that it is on Linux.
 *
 * Shared memory `/name` is the file `name` in `/dev/shm`. It is opened once for each region and closed after the region was
 * unregistered and the last request has released its window.
 */
import { Effect, Layer, Result, type Scope } from "effect"
import { accessSync, constants } from "node:fs"
import {
  InvalidRequest,
  Overloaded,
  type RegionNotFound,
  type RegionNotOpened,
  RegionTaken,
  SharedMemoryMissing,
  type Unsupported
} from "../../schema/Errors.ts"
import { compareNames } from "../../schema/ModelSignature.ts"
import {
  ClientMemory,
  type ClientMemoryState,
  regionNotFound,
  type RegionStatus,
  systemRegionNotFound,
  type Window
} from "../../services/ClientMemory.ts"
import { RegionFile } from "./internal/RegionFile.ts"
import * as RegionKey from "./internal/RegionKey.ts"

/** @category models */
export interface Options {
  /** Where the files of shared memory lie. Default `/dev/shm`. */
  readonly directory?: string
  /** Regions at a time. Default 1024. */
  readonly maxRegions?: number
  /** Bytes of all regions together. Default 16 GiB. */
  readonly maxBytes?: number
}

/** Characters of a region's name. */
const maxNameLength = 1024

interface Region {
  readonly status: RegionStatus
  readonly file: RegionFile
  /** Windows of it that are not released. */
  windows: number
  /** It was unregistered; windows keep it. */
  leaving: boolean
}

class Regions implements ClientMemoryState {
  readonly allowed = true
  private readonly directory: string
  private readonly maxRegions: number
  private readonly maxBytes: number
  private readonly regions = new Map<string, Region>()
  private bytes = 0

  constructor({ directory = "/dev/shm", maxBytes = 16 * 1024 ** 3, maxRegions = 1024 }: Options) {
    this.directory = directory
    this.maxRegions = maxRegions
    this.maxBytes = maxBytes
  }

  readonly status = (name: string): Result.Result<ReadonlyArray<RegionStatus>, RegionNotFound> => {
    if (name === "") {
      return Result.succeed(
        [...this.regions.values()].map(({ status }) => status).toSorted((a, b) => compareNames(a.name, b.name))
      )
    }
    const region = this.regions.get(name)
    return region === undefined ? Result.fail(systemRegionNotFound(name)) : Result.succeed([region.status])
  }

  readonly register = (
    name: string,
    key: string,
    offset: number | bigint,
    byteSize: number | bigint
  ): Result.Result<void, InvalidRequest | RegionTaken | RegionNotOpened | Overloaded> => {
    const refusal = this.refuseName(name)
    if (refusal !== undefined) return Result.fail(refusal)
    const file = RegionKey.fileName(name, key)
    if (Result.isFailure(file)) return Result.fail(file.failure)
    if (this.regions.has(name)) {
      return Result.fail(new RegionTaken({ message: `shared memory region '${name}' already in manager` }))
    }
    if (this.regions.size >= this.maxRegions) {
      return Result.fail(
        new Overloaded({
          message: `There are ${this.regions.size} shared memory regions, the most that may be registered at a time. ` +
            "Unregister some, or raise --client-shm-max-regions."
        })
      )
    }
    const opened = RegionFile.open(`${this.directory}/${file.success}`)
    if (opened === undefined) return Result.fail(RegionKey.notOpened(key))
    const fault = this.refuseSize(name, opened.size, offset, byteSize)
    if (fault !== undefined) {
      opened.close()
      return Result.fail(fault)
    }
    const status = { name, key, offset: Number(offset), byteSize: Number(byteSize) }
    this.regions.set(name, { status, file: opened, windows: 0, leaving: false })
    this.bytes += status.byteSize
    return Result.void
  }

  private refuseName(name: string): InvalidRequest | undefined {
    if (name === "") {
      return new InvalidRequest({ message: "'region name' is necessary to register system shared memory region" })
    }
    return name.length > maxNameLength
      ? new InvalidRequest({
        message:
          `the name of a shared memory region may have ${maxNameLength} characters, and this one has ${name.length}`
      })
      : undefined
  }

  private refuseSize(
    name: string,
    fileSize: number,
    offset: number | bigint,
    byteSize: number | bigint
  ): InvalidRequest | Overloaded | undefined {
    const failed = `failed to register shared memory region '${name}': `
    if (offset < 0 || byteSize < 0 || BigInt(offset) + BigInt(byteSize) > BigInt(fileSize)) {
      return new InvalidRequest({ message: `${failed}invalid args` })
    }
    // What mapping no bytes comes to in Triton.
    if (byteSize === 0 || byteSize === 0n) {
      return new InvalidRequest({ message: `${failed}unable to process address spaceInvalid argument` })
    }
    const left = this.maxBytes - this.bytes
    return byteSize > left
      ? new Overloaded({
        message:
          `Shared memory regions of ${this.bytes} bytes are registered, of at most ${this.maxBytes} at a time, so ` +
          `that ${byteSize} bytes more do not fit. Unregister some, or raise --client-shm-max-bytes.`
      })
      : undefined
  }

  readonly unregister = (name: string): Result.Result<void, Unsupported> => {
    if (name === "") this.unregisterAll()
    else {
      const region = this.regions.get(name)
      if (region !== undefined) this.leave(region)
    }
    return Result.void
  }

  /** Ends every region. */
  unregisterAll(): void {
    for (const region of this.regions.values()) this.leave(region)
  }

  private leave(region: Region): void {
    region.leaving = true
    if (region.windows === 0) this.remove(region)
  }

  private remove(region: Region): void {
    this.regions.delete(region.status.name)
    this.bytes -= region.status.byteSize
    region.file.close()
  }

  readonly window = (
    name: string,
    offset: number | bigint,
    byteSize: number | bigint
  ): Result.Result<Window, RegionNotFound | InvalidRequest> => {
    const region = this.regions.get(name)
    if (region === undefined || region.leaving) return Result.fail(regionNotFound(name))
    const { status } = region
    if (offset < 0 || offset >= status.byteSize) {
      return Result.fail(new InvalidRequest({ message: `Invalid offset for shared memory region: '${name}'` }))
    }
    if (byteSize < 0 || byteSize > status.byteSize - Number(offset)) {
      return Result.fail(
        new InvalidRequest({ message: `Invalid offset + byte size for shared memory region: '${name}'` })
      )
    }
    return Result.succeed(this.open(region, status.offset + Number(offset), Number(byteSize)))
  }

  private open(region: Region, start: number, byteLength: number): Window {
    const { file, status: { name } } = region
    let held = true
    region.windows++
    return {
      byteLength,
      read: (target, at) => file.read(name, target, start + at),
      write: (bytes, at) => file.write(name, bytes, start + at),
      release: () => {
        if (!held) return
        held = false
        region.windows--
        if (region.leaving && region.windows === 0) this.remove(region)
      }
    }
  }
}

/**
 * Regions that are unregistered when the scope closes. Errors: `SharedMemoryMissing` where there is no such directory.
 *
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<ClientMemoryState, SharedMemoryMissing, Scope.Scope> =>
  Effect.gen(function*() {
    const { directory = "/dev/shm" } = options
    yield* Effect.try({
      try: () => accessSync(`${directory}/.`, constants.R_OK | constants.X_OK),
      catch: () =>
        new SharedMemoryMissing({
          message:
            `clients cannot register shared memory: there is no directory ${directory} that may be read, where ` +
            "Linux has it. Start the server without --allow-client-shm."
        })
    })
    return yield* Effect.acquireRelease(
      Effect.sync(() => new Regions(options)),
      (regions) => Effect.sync(() => regions.unregisterAll())
    )
  })

/** Clients may register shared memory. @category layers */
export const layer = (options: Options = {}): Layer.Layer<never, SharedMemoryMissing> =>
  Layer.effect(ClientMemory, make(options))
