/** Where files through which tensors cross are made. */
import { openSync, statfsSync, unlinkSync } from "node:fs"
import * as LeftOvers from "../../../LeftOvers.ts"

/** Where Linux keeps files in memory. Elsewhere tensors cross by the socket. */
const folder = "/dev/shm"
/** `TMPFS_MAGIC`: what a file system in memory says of itself. */
const tmpfs = 0x01021994

let files = 0

/** Opens a file for reading and writing and takes its name away. `undefined`: this machine has no place for it. @category resources */
export const open = (): number | undefined => {
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
