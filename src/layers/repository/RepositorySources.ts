/** Picks the source of a root by its scheme: folders and files of this machine have none. */
import { Effect, Layer, Path } from "effect"
import { PollFailed } from "../../schema/Errors.ts"
import { RepositorySource, type Source } from "../../services/RepositorySource.ts"
import type * as Directory from "./internal/Directory.ts"
import * as LocalSource from "./sources/LocalSource.ts"

const unsupported = [
  { prefix: "s3://", flag: "TRITON_ENABLE_S3" },
  { prefix: "gs://", flag: "TRITON_ENABLE_GCS" },
  { prefix: "as://", flag: "TRITON_ENABLE_AZURE_STORAGE" }
]

const make = Effect.gen(function*() {
  const services = yield* Effect.context<Directory.Services>()
  const path = yield* Path.Path
  const sources = new Map<string, Source>()

  const create = Effect.fnUntraced(function*(root: string): Effect.fn.Return<Source, PollFailed, Directory.Services> {
    const scheme = unsupported.find(({ prefix }) => root.startsWith(prefix))
    if (scheme !== undefined) {
      return yield* new PollFailed({
        code: "INTERNAL",
        message: `${scheme.prefix} file-system not supported. To enable, build with -D${scheme.flag}=ON.` +
          ` This server reads local directories only: copy '${root}' to one.`
      })
    }
    return yield* LocalSource.make(path.resolve(root))
  })

  const open = Effect.fnUntraced(function*(root: string) {
    const known = sources.get(root)
    if (known !== undefined) return known
    const made = yield* create(root)
    // Another spelling of the same root is the same source, with what it remembers.
    const source = sources.get(made.root) ?? made
    sources.set(root, source)
    sources.set(source.root, source)
    return source
  }, Effect.provideContext(services))

  return RepositorySource.of({ open })
})

/** Folders and files of this machine. @category layers */
export const layer: Layer.Layer<RepositorySource, never, Directory.Services> = Layer.effect(RepositorySource, make)
