/** Files that hold one JSON array: one that grows, and is a whole array after each write, and others that are written once. */
import { constants, type Stats } from "node:fs"
import { type FileHandle, open, rm } from "node:fs/promises"

/** What is encoded and written at a time, so that other work gets its turn in between. */
const pieceLength = 1024 ** 2

/** Does not wait for whoever reads a pipe or looks at a terminal. */
const flags = constants.O_CREAT | constants.O_NONBLOCK

/** A pipe has no places to write at, and nobody could be waited for who reads it. */
const onlyFiles = (found: Stats): void => {
  if (found.isFIFO() || found.isSocket()) throw new Error("it is a pipe, and has to be a file")
}

/** Texts of array elements in pieces; `[` or `,` and `]` are the caller's. */
function* pieces(before: string, texts: ReadonlyArray<string>, after: string): Generator<string> {
  let piece = before
  for (let i = 0; i < texts.length; i++) {
    piece += (i === 0 ? "" : ",") + texts[i]!
    while (piece.length >= pieceLength) {
      yield piece.slice(0, pieceLength)
      piece = piece.slice(pieceLength)
    }
  }
  yield piece + after
}

/** Writes from a position on, and gives the position behind. */
const write = async (file: FileHandle, parts: Iterable<string>, from: number | null): Promise<number> => {
  let at = from ?? 0
  let carried = ""
  for (const part of parts) {
    // A character must not be cut in two.
    const text = carried + part
    const last = text.charCodeAt(text.length - 1)
    const cut = last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length
    carried = text.slice(cut)
    const bytes = Buffer.from(text.slice(0, cut))
    for (let done = 0; done < bytes.length;) {
      // oxlint-disable-next-line no-await-in-loop -- the order of the bytes is the point
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, from === null ? null : at)
      done += bytesWritten
      at += bytesWritten
    }
  }
  return at
}

/** Puts the end of the array back where it was: a write has failed in the middle. */
const restore = async (file: FileHandle, end: number): Promise<void> => {
  if (end === 0) return file.truncate(0)
  await file.truncate(end)
  await file.write("]", end)
}

/** The array that grows. Its file is begun anew by the first write. @category models */
export class GrowingArray {
  readonly path: string
  /** Where its closing bracket is; 0: there is nothing yet. */
  private end = 0
  private identity: Pick<Stats, "dev" | "ino"> | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Adds elements, each a JSON text. A file that was taken away, or shortened, is begun anew. Rejects with what the system says. */
  async add(texts: ReadonlyArray<string>): Promise<void> {
    const file = await open(this.path, constants.O_RDWR | flags, 0o666)
    try {
      const found = await file.stat()
      onlyFiles(found)
      const isSame = this.identity?.ino === found.ino && this.identity.dev === found.dev
      if (!isSame || found.size !== this.end + 1) {
        this.end = 0
        if (found.isFile()) await file.truncate(0)
      }
      this.identity = found
      const { end } = this
      try {
        this.end = await write(file, pieces(end === 0 ? "[" : ",", texts, "]"), end) - 1
      } catch (error) {
        if (found.isFile()) await restore(file, end).catch(() => {})
        throw error
      }
    } finally {
      await file.close()
    }
  }
}

/** Writes an array of these elements as a whole file, or none. Rejects with what the system says. @category constructors */
export const writeOnce = async (path: string, texts: ReadonlyArray<string>): Promise<void> => {
  // A pipe that nobody reads is not opened at all.
  const file = await open(path, constants.O_WRONLY | constants.O_TRUNC | flags, 0o666)
  try {
    onlyFiles(await file.stat())
  } catch (error) {
    await file.close()
    throw error
  }
  try {
    await write(file, pieces("[", texts, "]"), null)
    await file.close()
  } catch (error) {
    await file.close().catch(() => {})
    await rm(path, { force: true }).catch(() => {})
    throw error
  }
}
