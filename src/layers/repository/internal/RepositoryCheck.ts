/** Validates every model of a repository without serving: the pipeline of a load, with one instance that is closed at once. */
import { Clock, Effect, Result } from "effect"
import { codes, type LoadFailed, type PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { optionalInputs } from "../../../schema/ModelSignature.ts"
import { Executor } from "../../../services/Executor.ts"
import type { RepositorySource } from "../../../services/RepositorySource.ts"
import type { Scheduler } from "../../../services/Scheduler.ts"
import { Statistics } from "../../../services/Statistics.ts"
import * as RepositorySources from "../RepositorySources.ts"
import type * as Directory from "./Directory.ts"
import * as Discovery from "./Discovery.ts"
import * as OptionalInputs from "./onnx/OptionalInputs.ts"
import * as PollModel from "./PollModel.ts"
import * as PrepareVersion from "./PrepareVersion.ts"
import { type Options, type Settings, settings } from "./RepositoryOptions.ts"
import * as Warmup from "./warmup/Warmup.ts"

/** What checking needs. @category models */
export type Services = Executor | Scheduler | Statistics | Directory.Services

/** What became of one version, or of a model that did not get as far as its versions. @category models */
export interface CheckRow {
  readonly model: string
  readonly version: number | undefined
  readonly status: "READY" | "UNAVAILABLE"
  /** Why it is not ready: the prefix of the error's code, Triton's text, then the detail on further lines. */
  readonly reason: string | undefined
  /** The final config; the one before the version was looked at, or none, where the check failed. */
  readonly config: ModelConfig | undefined
  readonly warnings: ReadonlyArray<string>
}

const reasonOf = ({ code, message }: LoadFailed | PollFailed): string => `${codes[code].prefix}: ${message}`

/** What loading does with each instance, done with one. */
const tryOut = Effect.fnUntraced(function*(prepared: PrepareVersion.Prepared) {
  const executor = yield* Executor
  const statistics = yield* (yield* Statistics).open({ model: prepared.config.name, version: prepared.version })
  const plan = { ...prepared.plan, instances: prepared.plan.instances.slice(0, 1) }
  const instances = yield* OptionalInputs.open(executor, plan, optionalInputs(prepared.signature))
  yield* Warmup.run({ prepared, instances, statistics })
})

const checkVersion = Effect.fnUntraced(function*(
  found: Discovery.Discovered,
  polled: PollModel.Polled,
  version: number,
  given: Settings
): Effect.fn.Return<CheckRow, never, Services> {
  const warnings: Array<string> = []
  const { name: model } = polled.found
  const clock = yield* Clock.Clock
  const begin = clock.monotonicTimeNanosUnsafe()
  yield* given.onEvent({ _tag: "Loading", model, version })
  const result = yield* PrepareVersion.open(
    found,
    polled,
    version,
    given.backendConfig,
    (message) => Effect.sync(() => warnings.push(message))
  ).pipe(
    Effect.tap(tryOut),
    Effect.scoped,
    Effect.result
  )
  if (Result.isFailure(result)) {
    const reason = reasonOf(result.failure)
    yield* given.onEvent({ _tag: "Failed", model, version, reason })
    return { model, version, status: "UNAVAILABLE", reason, config: polled.config, warnings }
  }
  const millis = Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6
  yield* given.onEvent({ _tag: "Ready", model, version, millis })
  return { model, version, status: "READY", reason: undefined, config: result.success.config, warnings }
})

const checkModel = Effect.fnUntraced(function*(found: Discovery.Discovered, given: Settings) {
  const { name: model } = found
  const warnings: Array<string> = []
  const warn: PollModel.Warn = (message) => Effect.sync(() => warnings.push(message))
  const row = (config: ModelConfig | undefined) => (error: LoadFailed | PollFailed) => {
    const reason = reasonOf(error)
    const failed: CheckRow = { model, version: undefined, status: "UNAVAILABLE", reason, config, warnings }
    return Effect.as(given.onEvent({ _tag: "Failed", model, version: undefined, reason }), [failed])
  }
  const polled = yield* found.open.pipe(
    Effect.flatMap((here) => PollModel.poll(here, given, warn)),
    Effect.scoped,
    Effect.result
  )
  if (Result.isFailure(polled)) return yield* row(undefined)(polled.failure)
  const versions = yield* Effect.result(PollModel.chooseVersions(polled.success, warn))
  if (Result.isFailure(versions)) return yield* row(polled.success.config)(versions.failure)
  return yield* Effect.forEach(
    versions.success,
    (version) =>
      Effect.map(checkVersion(found, polled.success, version, given), (checked) => ({
        ...checked,
        warnings: [...warnings, ...checked.warnings]
      }))
  )
})

/**
 * Checks every model of the given roots, several at once as `loadThreadCount` says. Rows are sorted by model and version, and a
 * version is `READY` when one instance of it was opened, warmed up, and answered the golden requests of the version.
 *
 * Errors: `PollFailed` for a root that cannot be listed; all else is in the rows.
 *
 * @category validation
 */
export const check = (
  options: Options
): Effect.Effect<ReadonlyArray<CheckRow>, PollFailed, Services> =>
  Effect.provide(checkAll(options), RepositorySources.layerWith(options.sources ?? {}))

const checkAll = Effect.fn("RepositoryCheck.check")(function*(options: Options): Effect.fn.Return<
  ReadonlyArray<CheckRow>,
  PollFailed,
  Services | RepositorySource
> {
  const given = settings(options)
  const found = yield* Discovery.discover(given)
  yield* given.onEvent({ _tag: "Found", models: found.models.map(({ name }) => name) })
  for (const { message, model } of found.warnings) yield* given.onEvent({ _tag: "Warning", model, message })
  const unusable = yield* Effect.forEach(found.failures, ({ message: reason, model }) => {
    const row: CheckRow = { model, version: undefined, status: "UNAVAILABLE", reason, config: undefined, warnings: [] }
    return Effect.as(given.onEvent({ _tag: "Failed", model, version: undefined, reason }), row)
  })
  const rows = yield* Effect.forEach(found.models, (model) => checkModel(model, given), {
    concurrency: given.loadThreadCount
  })
  return [...unusable, ...rows.flat()].sort((a, b) =>
    a.model < b.model ? -1 : a.model > b.model ? 1 : (a.version ?? -1) - (b.version ?? -1)
  )
})
