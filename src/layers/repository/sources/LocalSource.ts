/** Models in a folder of this machine, or one `.onnx` file: they are served from where they lie. */
import { Clock, Effect, Path } from "effect"
import { stat } from "node:fs/promises"
import { PollFailed } from "../../../schema/Errors.ts"
import type { Listing, Source } from "../../../services/RepositorySource.ts"
import * as ContentHash from "../internal/ContentHash.ts"
import * as Directory from "../internal/Directory.ts"
import * as RootEntries from "./RootEntries.ts"

const scan = Effect.fnUntraced(function*(root: string): Effect.fn.Return<Listing, PollFailed, Directory.Services> {
  const path = yield* Path.Path
  const kind = yield* Directory.kindOf(root)
  if (kind === undefined) {
    return yield* new PollFailed({
      code: "INTERNAL",
      message: `failed to stat file ${root}: there is nothing there, or no permission to look`
    })
  }
  if (kind === "Directory") {
    return yield* Effect.fromResult(RootEntries.read(root, yield* Directory.list(root), path.join))
  }
  if (RootEntries.isOnnx(root)) {
    return RootEntries.bareModel(path.dirname(root), path.basename(root), path.join)
  }
  return yield* new PollFailed({
    code: "INVALID_ARG",
    message: `repository path is not a valid directory: '${root}' is a file. ` +
      "Expected a directory with one sub-directory per model, or a file whose name ends in .onnx."
  })
})

/** What the system says of a file that changes whenever its contents do. */
interface Stamp {
  readonly text: string
  /** When it changed last, in milliseconds. */
  readonly changed: number
}

/** A file that changed this short a time ago may change again under the same times. */
const settledMillis = 2000

const stampOf = (file: string): Effect.Effect<Stamp | undefined> =>
  Effect.promise(() =>
    stat(file, { bigint: true }).then(
      ({ ctimeNs, dev, ino, mtimeNs, size }) => ({
        text: [dev, ino, size, mtimeNs, ctimeNs].join(" "),
        changed: Number(ctimeNs / 1_000_000n)
      }),
      () => undefined
    )
  )

/** Hashes of a model's files by their paths, each with the stamp that it was made under. */
type Hashes = ReadonlyMap<string, { readonly stamp: string; readonly hash: string }>

/** The hash of a file: out of `before` where the file is the same still; `after` gets it where that may be told next time. */
const hashOf = (before: Hashes, after: Map<string, { readonly stamp: string; readonly hash: string }>) =>
  Effect.fnUntraced(function*(file: string) {
    const stamp = yield* stampOf(file)
    const known = before.get(file)
    if (stamp !== undefined && known?.stamp === stamp.text) {
      after.set(file, known)
      return known.hash
    }
    const begun = yield* Clock.currentTimeMillis
    const hash = yield* ContentHash.hashFile(file)
    if (stamp !== undefined && begun - stamp.changed > settledMillis) after.set(file, { stamp: stamp.text, hash })
    return hash
  })

/** The source of a folder or file; `root` is an absolute path. Keeps the hashes of files that did not change. @category constructors */
export const make = Effect.fnUntraced(function*(root: string): Effect.fn.Return<Source, never, Directory.Services> {
  const services = yield* Directory.services
  const path = yield* Path.Path
  const hashes = new Map<string, Hashes>()
  const list = Effect.provideContext(scan(root), services).pipe(
    Effect.tap(({ models }) =>
      Effect.sync(() => {
        const names = new Set(models.map(({ name }) => name))
        for (const name of hashes.keys()) if (!names.has(name)) hashes.delete(name)
      })
    )
  )

  /** One model, without looking at the others, except where its name does not say where it lies. */
  const find = Effect.fnUntraced(function*(name: string) {
    const directory = path.join(root, name)
    if (path.dirname(directory) === root && (yield* Directory.kindOf(directory)) === "Directory") {
      return { directory, file: undefined }
    }
    const { models } = yield* list
    const found = models.find((model) => model.name === name)
    if (found !== undefined) return { directory: found.directory, file: found.file }
    return yield* new PollFailed({
      code: "NOT_FOUND",
      message: `there is no model '${name}' in repository '${root}'`
    })
  }, Effect.provideContext(services))

  const fingerprint = Effect.fn("LocalSource.fingerprint")(function*(name: string) {
    const { directory, file } = yield* find(name)
    const after = new Map<string, { readonly stamp: string; readonly hash: string }>()
    const hash = hashOf(hashes.get(name) ?? new Map(), after)
    const identities = new Map<string, string>()
    if (file === undefined) {
      for (const entry of yield* Directory.list(directory)) {
        const below = entry.kind === "Broken"
          ? ""
          : yield* ContentHash.hashTree(path.join(directory, entry.name), hash)
        identities.set(entry.name, `${entry.kind} ${below}`)
      }
    } else identities.set(path.basename(file), `File ${yield* hash(file)}`)
    hashes.set(name, after)
    return identities as ReadonlyMap<string, string>
  }, Effect.provideContext(services))

  return { root, local: true, list, fingerprint, open: find }
})
