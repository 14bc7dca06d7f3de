/**
 * Whether the response cache answers for a version, and for which contents: what was answered by one model file is never the answer
 * of another, whatever version number both have.
 */
import { Effect, FileSystem, Path, type Scope } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { stat } from "node:fs/promises"
import { type LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import * as ConfigJson from "../../../schema/proto/ConfigJson.ts"
import { ResponseCache } from "../../../services/ResponseCache.ts"
import type { ModelScheduler } from "../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"
import * as Version from "../../Version.ts"
import * as ContentHash from "./ContentHash.ts"
import type * as Directory from "./Directory.ts"
import * as OnnxReader from "./onnx/OnnxReader.ts"
import type { Prepared } from "./PrepareVersion.ts"

/** The cache of one version. @category models */
export interface VersionCache {
  /** Puts the cache before the queue. To be called once the version is open. */
  readonly open: (
    scheduler: ModelScheduler,
    statistics: ModelStatistics
  ) => Effect.Effect<ModelScheduler, never, Directory.Services | Scope.Scope>
}

/**
 * Folders and files that the answers depend on: the version's own, and what its model file names outside of it. The module of a custom
 * model may import any file of the model's folder.
 */
const contents = Effect.fnUntraced(function*({ bare, config, contents, directory, plan }: Prepared) {
  if (plan.backend === "custom") return [bare ? contents : directory]
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { externalDataFiles } = yield* OnnxReader.read({ model: config.name, path: plan.path })
  const folder = path.dirname(yield* Effect.orElseSucceed(fs.realPath(plan.path), () => plan.path))
  return [contents, ...externalDataFiles.map((file) => path.resolve(folder, file))]
})

/** Changes whenever a file is written or replaced, and costs no reading. */
const stampOf = (file: string): Effect.Effect<string, PollFailed> =>
  Effect.tryPromise({
    try: () => stat(file, { bigint: true }),
    catch: (cause) => new PollFailed({ code: "INTERNAL", message: `failed to stat file ${file}: ${String(cause)}` })
  }).pipe(Effect.map(({ ctimeNs, dev, ino, mtimeNs, size }) => [dev, ino, size, mtimeNs, ctimeNs].join()))

interface Contents {
  readonly paths: ReadonlyArray<string>
  /** Of all files, at the time of reading. */
  readonly stamps: ReadonlyArray<string>
  readonly hash: string
}

const stampsOf = (paths: ReadonlyArray<string>) => Effect.forEach(paths, (path) => ContentHash.hashTree(path, stampOf))

const read = Effect.fnUntraced(function*(
  prepared: Prepared
): Effect.fn.Return<Contents, LoadFailed | PollFailed, Directory.Services> {
  const { config, plan } = prepared
  const paths = yield* contents(prepared)
  const stamps = yield* stampsOf(paths)
  const hashes = yield* Effect.forEach(paths, (path) => ContentHash.hashTree(path))
  const { inputs, outputs, session } = plan
  const hash = createHash("sha256")
    .update(JSON.stringify([Version.current, ConfigJson.toJson(config), inputs, outputs, session, hashes]))
    .digest("hex")
  return { paths, stamps, hash }
})

const alone = (model: string, version: number, why: string) =>
  Effect.as(
    Effect.logWarning(
      `responses of '${model}' version ${version} are cached for as long as it stays loaded, and not shared: ${why}`
    ),
    randomUUID()
  )

/**
 * Reads what the version is made of, before it is opened. `undefined`: its config does not ask for the cache, or the server has none.
 *
 * @category constructors
 */
export const prepare = Effect.fn("VersionCache.prepare")(function*(
  prepared: Prepared
): Effect.fn.Return<VersionCache | undefined, never, Directory.Services> {
  const { config, version } = prepared
  if (config.response_cache?.enable !== true) return undefined
  const cache = yield* ResponseCache
  if (cache === undefined) {
    yield* Effect.logDebug(
      `model '${config.name}' asks for the response cache, which this server has not: every request runs (see --cache-config)`
    )
    return undefined
  }
  const before = yield* Effect.result(read(prepared))

  const identity = Effect.gen(function*() {
    if (before._tag === "Failure") return yield* alone(config.name, version, before.failure.message)
    const { hash, paths, stamps } = before.success
    const after = yield* Effect.result(stampsOf(paths))
    const same = after._tag === "Success" && after.success.every((stamp, i) => stamp === stamps[i])
    return same ? hash : yield* alone(config.name, version, "its files changed while it was being loaded")
  })
  return {
    open: (scheduler, statistics) =>
      Effect.flatMap(
        identity,
        (identity) => cache.open({ model: config.name, version, identity, scheduler, statistics })
      )
  }
})
