/** How much memory is kept for texts that were cut from long ones. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Characters of each long text. */
export const longLength = 4_000_000
const count = 20

/** Bytes that are kept for what `keep` makes of twenty long texts: as long as it is in the list. */
export const keptBytes = <A>(keep: (text: string, index: number) => A): number => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  // Buffers are freed later than at the collection; texts that were made of others are part of the heap.
  const held = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = held()
  const all = Array.from({ length: count }, (_, i) => keep(String.fromCharCode(97 + i).repeat(longLength), i))
  const bytes = held() - before
  if (all.length !== count) throw new Error("they are all kept")
  return bytes
}
