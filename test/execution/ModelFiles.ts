/** Model files in a folder of their own, gone when the scope closes. */
import { Effect, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Writes a model file, for tests that run in a scope. */
export const file = (bytes: Uint8Array, name = "model.onnx"): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const folder = mkdtempSync(join(tmpdir(), "galatea-execution-"))
        writeFileSync(join(folder, name), bytes)
        return folder
      }),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => join(folder, name)
  )
