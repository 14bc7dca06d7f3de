/** A folder in the place of /dev/shm. */
import { Effect, type Scope } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "galatea-shm-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Shared memory of so many bytes: 0, 1, 2 … modulo 251. */
export const create = (directory: string, name: string, byteLength: number): void =>
  writeFileSync(join(directory, name), pattern(byteLength))

export const pattern = (byteLength: number, from = 0): Uint8Array => {
  const bytes = new Uint8Array(byteLength)
  for (let i = 0; i < byteLength; i++) bytes[i] = (i + from) % 251
  return bytes
}

export const contents = (directory: string, name: string): Buffer => readFileSync(join(directory, name))
