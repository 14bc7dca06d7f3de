/** Where files through which tensors cross are made. */
import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from "node:fs"
import * as LeftOvers from "../../../LeftOvers.ts"

/** Where Linux keeps files in memory. Elsewhere tensors cross by the socket. */
const folder = "/dev/shm"
/** `TMPFS_MAGIC`: what a file system in memory says of itself. */
const tmpfs = 0x01021994

let files = 0

/** @category models */
export interface Pair {
  readonly requests: number
  readonly answers: number
}

/**
 * Opens the files of a process, with so many zeros at the front of that of answers. Whoever writes there later needs no more memory for
 * them: where the folder has become full meanwhile, runs must not fail for it. `undefined`: this machine has no place for them.
 *
 * @category resources
 */
export const openPair = (front: number): Pair | undefined => {
  const requests = open()
  if (requests === undefined) return undefined
  const answers = open()
  if (answers !== undefined && hasWritten(answers, front)) return { requests, answers }
  closeSync(requests)
  if (answers !== undefined) closeSync(answers)
  return undefined
}

const hasWritten = (descriptor: number, zeros: number): boolean => {
  try {
    return writeSync(descriptor, new Uint8Array(zeros), 0, zeros, 0) === zeros
  } catch {
    return false
  }
}

/** Opens a file for reading and writing and takes its name away. */
const open = (): number | undefined => {
  if (process.platform !== "linux") return undefined
  try {
    if (statfsSync(folder).type !== tmpfs) return undefined
    const path = `${folder}/${LeftOvers.tensorFilePrefix}${++files}`
    const descriptor = openSync(path, "wx+", 0o600)
    unlinkSync(path)
    return descriptor
  } catch {
    return undefined
  }
}
