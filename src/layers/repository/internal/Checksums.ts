/** Compares files of a model with the checksums in its config, as Triton's `checksum` repository agent does. */
import { Effect, FileSystem, Stream } from "effect"
import { createHash } from "node:crypto"
import { PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ModelFiles from "./config/ModelFiles.ts"
import { causeOf } from "./DiskError.ts"

const md5 = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const hash = createHash("md5")
  yield* Stream.runForEach(fs.stream(path), (chunk) => Effect.sync(() => hash.update(chunk)))
  return hash.digest("hex")
})

/**
 * Checks every file that `model_repository_agents` gives a checksum for. `directory` is the model's.
 *
 * Errors: `PollFailed` INVALID_ARG for a file that differs, INTERNAL for one that cannot be read.
 * Source: model-config §6.10.
 *
 * @category validation
 */
export const verify = Effect.fnUntraced(function*(config: ModelConfig, directory: string) {
  const checksums = yield* Effect.mapError(
    Effect.fromResult(ModelFiles.checksums(config, directory)),
    (fault) => new PollFailed(fault)
  )
  for (const checksum of checksums) {
    const found = yield* Effect.mapError(
      md5(checksum.path),
      (error) =>
        new PollFailed({
          code: "INTERNAL",
          message: `'${config.name}': cannot read file ${checksum.file} to compare its MD5 hash: ${causeOf(error)}`
        })
    )
    if (found !== checksum.md5) return yield* new PollFailed(ModelFiles.checksumMismatch(config, checksum))
  }
})
