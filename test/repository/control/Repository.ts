/** A file repository over a fake executor whose models come and go, and what a test sees of it. */
import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { Clock, Context, Effect, FileSystem, Layer, Result } from "effect"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import * as Assembly from "../../../src/layers/repository/internal/Assembly.ts"
import * as Poller from "../../../src/layers/repository/internal/Poller.ts"
import * as RepositoryOptions from "../../../src/layers/repository/internal/RepositoryOptions.ts"
import * as RepositorySources from "../../../src/layers/repository/RepositorySources.ts"
import { type LoadEvent, ModelRepository } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

export const onnx = Models.simple()

export interface Setup extends Omit<FileModelRepository.Options, "paths"> {
  /** Failing openings, as `FakeExecution` takes them. */
  readonly failures?: Readonly<Record<string, number>>
  readonly opening?: (label: string) => Effect.Effect<void>
  readonly fails?: (label: string) => boolean
  readonly running?: FakeExecution.Running
  /** Changes the file system that the repository sees. */
  readonly fileSystem?: (real: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>
}

const platform = (change: NonNullable<Setup["fileSystem"]>) =>
  Layer.merge(
    Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (real) => FileSystem.FileSystem.of({ ...real, ...change(real) }))
    ).pipe(Layer.provide(NodeFileSystem.layer)),
    NodePath.layer
  )

/** What a test sees of a repository. */
const seen = (
  index: ModelRepository["Service"]["index"],
  { lookup }: Pick<ModelRepository["Service"], "lookup">,
  log: FakeExecution.Log,
  events: Array<LoadEvent>
) => {
  let told = 0
  return {
    events,
    lookup,
    /** Openings and closings of versions, such as `open m 1`, in order; inspections are left out. */
    log: () => log.events.filter((event) => /^(open|close) /.test(event)),
    /** Failures and warnings since the last call. */
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
    /** `1 READY`, `2 UNAVAILABLE unloaded`: the index of one model. */
    rows: (model: string) =>
      Effect.map(
        index,
        (entries) =>
          entries.filter(({ name }) => name === model).map(({ reason, state, version }) =>
            [version, state, reason].filter((part) => part !== undefined).join(" ")
          )
      )
  }
}

/** Opens the repository over roots that exist; the first is what `write` writes to. */
export const openRoots = Effect.fnUntraced(function*(
  roots: ReadonlyArray<string>,
  { fails = () => false, failures = {}, fileSystem = () => ({}), opening = () => Effect.void, running, ...options }:
    Setup
) {
  const log = FakeExecution.log()
  const events: Array<LoadEvent> = []
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: roots,
      exitOnError: false,
      onEvent: (event) => Effect.sync(() => events.push(event)),
      ...options
    }).pipe(
      Layer.provide([
        FakeExecution.layer(log, { fails, failures, opening, ...(running && { running }) }),
        platform(fileSystem)
      ])
    )
  )
  const repository = Context.get(context, ModelRepository)
  return {
    ...seen(repository.index, repository, log, events),
    repository,
    root: roots[0]!,
    write: (tree: TemporaryRepository.Tree) => TemporaryRepository.write(roots[0]!, tree)
  }
})

/** An open repository. */
export type Opened = Effect.Success<ReturnType<typeof openRoots>>

/** Opens the repository over one new root. */
export const open = (tree: TemporaryRepository.Tree, setup: Setup) =>
  Effect.flatMap(TemporaryRepository.make(tree), (root) => openRoots([root], setup))

/** Polls by hand: a repository of which a test says when it is looked at, and what happens while a change settles. */
export const polling = Effect.fnUntraced(function*(
  roots: ReadonlyArray<string>,
  { fails = () => false, failures = {}, fileSystem = () => ({}), opening = () => Effect.void, running, ...options }:
    Setup = {}
) {
  const log = FakeExecution.log()
  const events: Array<LoadEvent> = []
  const settings = RepositoryOptions.settings({
    paths: roots,
    controlMode: "poll",
    onEvent: (event) => Effect.sync(() => events.push(event)),
    ...options
  })
  const services = yield* Layer.build(
    RepositorySources.layer.pipe(
      Layer.provideMerge(
        Layer.merge(
          FakeExecution.layer(log, { fails, failures, opening, ...(running && { running }) }),
          platform(fileSystem)
        )
      )
    )
  )
  const { control, parts } = yield* Effect.provideContext(Assembly.make(settings), services)
  const poller = Poller.make(control, parts)
  let settled = 0
  return {
    ...seen(control.index, parts.lifecycle, log, events),
    root: roots[0]!,
    write: (tree: TemporaryRepository.Tree) => TemporaryRepository.write(roots[0]!, tree),
    parts,
    /** How often a poll has waited for a change to settle. */
    settled: () => settled,
    /** `now`: a clock far behind that of the files takes each of them for just written. */
    poll: (meanwhile: Effect.Effect<void> = Effect.void, now = 0) =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const sleep = () => Effect.andThen(Effect.sync(() => settled++), meanwhile)
        const currentTimeMillis = Effect.succeed(now)
        const controlled: Clock.Clock = Object.create(clock, {
          sleep: { value: sleep },
          currentTimeMillis: { value: currentTimeMillis }
        })
        yield* Effect.provideService(poller.poll, Clock.Clock, controlled)
      })
  }
})

/** The version that a request finds; `undefined`: none. */
export const serving = ({ lookup }: Pick<Opened, "lookup">, model: string, version = ""): number | undefined => {
  const found = lookup(model, version)
  return Result.isSuccess(found) ? found.success.version : undefined
}
