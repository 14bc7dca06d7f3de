/** A file repository over a fake executor whose models come and go, and what a test sees of it. */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Context, Effect, FileSystem, Layer, Result } from "effect"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import { type LoadEvent, ModelRepository } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

export const onnx = Models.simple()

export interface Setup extends Omit<FileModelRepository.Options, "paths"> {
  /** Failing openings, as `FakeExecution` takes them. */
  readonly failures?: Readonly<Record<string, number>>
  readonly opening?: (label: string) => Effect.Effect<void>
  /** Changes the file system that the repository sees. */
  readonly fileSystem?: (real: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>
}

export interface Opened {
  readonly repository: ModelRepository["Service"]
  readonly root: string
  /** Openings and closings of versions, such as `open m 1`, in order; inspections are left out. */
  readonly log: () => ReadonlyArray<string>
  readonly events: Array<LoadEvent>
  /** Failures and warnings since the last call. */
  readonly complaints: () => ReadonlyArray<string>
  /** `1 READY`, `2 UNAVAILABLE unloaded`: the index of one model. */
  readonly rows: (model: string) => Effect.Effect<ReadonlyArray<string>>
  readonly write: (tree: TemporaryRepository.Tree) => Effect.Effect<void>
}

const platform = (change: NonNullable<Setup["fileSystem"]>) =>
  Layer.merge(
    Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (real) => FileSystem.FileSystem.of({ ...real, ...change(real) }))
    ).pipe(Layer.provide(NodeFileSystem.layer)),
    NodePath.layer
  )

/** Opens the repository over roots that exist; the first is what `write` writes to. */
export const openRoots = Effect.fnUntraced(function*(
  roots: ReadonlyArray<string>,
  { failures = {}, fileSystem = () => ({}), opening = () => Effect.void, ...options }: Setup
) {
  const log = FakeExecution.log()
  const events: Array<LoadEvent> = []
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: roots,
      exitOnError: false,
      onEvent: (event) => Effect.sync(() => events.push(event)),
      ...options
    }).pipe(Layer.provide([FakeExecution.layer(log, { failures, opening }), platform(fileSystem)]))
  )
  const repository = Context.get(context, ModelRepository)
  let told = 0
  return {
    repository,
    root: roots[0]!,
    log: () => log.events.filter((event) => /^(open|close) /.test(event)),
    events,
    complaints: () => {
      const texts = events.slice(told).flatMap((event) =>
        event._tag === "Failed"
          ? [FileModelRepository.formatFailure(event)]
          : event._tag === "Warning"
          ? [event.message]
          : []
      ).filter((text) => !text.startsWith("autofilled max_batch_size"))
      told = events.length
      return texts
    },
    rows: (model) =>
      Effect.map(
        repository.index,
        (entries) =>
          entries.filter(({ name }) => name === model).map(({ reason, state, version }) =>
            [version, state, reason].filter((part) => part !== undefined).join(" ")
          )
      ),
    write: (tree) => TemporaryRepository.write(roots[0]!, tree)
  } satisfies Opened
})

/** Opens the repository over one new root. */
export const open = (tree: TemporaryRepository.Tree, setup: Setup) =>
  Effect.flatMap(TemporaryRepository.make(tree), (root) => openRoots([root], setup))

/** The version that a request finds; `undefined`: none. */
export const serving = ({ repository }: Opened, model: string, version = ""): number | undefined => {
  const found = repository.lookup(model, version)
  return Result.isSuccess(found) ? found.success.version : undefined
}
