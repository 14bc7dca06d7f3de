/** One file of shared memory that is open, and the copies from and to it. */
import { Result } from "effect"
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { InvalidRequest } from "../../../schema/Errors.ts"

const { O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants

const shrunken = (region: string): InvalidRequest =>
  new InvalidRequest({
    message:
      `shared memory region '${region}' has become smaller than it was when it was registered. Make the shared ` +
      "memory as large as before, or unregister the region and register it anew."
  })

/** Why the system failed a call, as a short word such as `ENOSPC`. */
const reason = (thrown: unknown): string =>
  thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "unknown"

/**
 * An open file. Bytes are copied by read and write, and the file is never mapped: a client that makes it smaller gets a failure, where
 * touching a mapped page would end the process.
 *
 * @internal
 */
export class RegionFile {
  /** Bytes of the file when it was opened. */
  readonly size: number
  private readonly fd: number

  private constructor(fd: number, size: number) {
    this.fd = fd
    this.size = size
  }

  /**
   * Opens a file for reading and writing. `undefined`: there is none, or it is no regular file, or may not be opened. No link is
   * followed, and nothing waits for the other end of a pipe. Node closes the file in programs that it starts.
   */
  static open(path: string): RegionFile | undefined {
    let fd: number
    try {
      fd = openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
    } catch {
      return undefined
    }
    try {
      const found = fstatSync(fd)
      if (found.isFile()) return new RegionFile(fd, found.size)
    } catch {
      // It is closed below.
    }
    closeSync(fd)
    return undefined
  }

  /** Fills `target` from a place of the file. */
  read(region: string, target: Uint8Array, at: number): Result.Result<void, InvalidRequest> {
    let done = 0
    try {
      while (done < target.length) {
        const count = readSync(this.fd, target, done, target.length - done, at + done)
        if (count === 0) return Result.fail(shrunken(region))
        done += count
      }
    } catch (thrown) {
      return Result.fail(
        new InvalidRequest({ message: `shared memory region '${region}' cannot be read: ${reason(thrown)}` })
      )
    }
    return Result.void
  }

  /** Writes to a place of the file, which must not grow. */
  write(region: string, bytes: Uint8Array, at: number): Result.Result<void, InvalidRequest> {
    let done = 0
    try {
      if (fstatSync(this.fd).size < at + bytes.length) return Result.fail(shrunken(region))
      while (done < bytes.length) done += writeSync(this.fd, bytes, done, bytes.length - done, at + done)
    } catch (thrown) {
      return Result.fail(
        new InvalidRequest({
          message: `shared memory region '${region}' cannot be written: ${reason(thrown)}${
            reason(thrown) === "ENOSPC" ? ", the shared memory of the machine is used up" : ""
          }`
        })
      )
    }
    return Result.void
  }

  close(): void {
    closeSync(this.fd)
  }
}
