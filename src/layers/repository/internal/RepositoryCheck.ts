/** Validates every model of a repository without serving: the pipeline of a load, with one instance that is closed at once. */
import { Clock, Effect, Result } from "effect"
import { codes, type LoadFailed, type PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { type ModelSignature, optionalInputs } from "../../../schema/ModelSignature.ts"
import { Executor } from "../../../services/Executor.ts"
import type { RepositorySource } from "../../../services/RepositorySource.ts"
import type { Scheduler } from "../../../services/Scheduler.ts"
import { Statistics } from "../../../services/Statistics.ts"
import * as RepositorySources from "../RepositorySources.ts"
import type * as Directory from "./Directory.ts"
import * as Discovery from "./Discovery.ts"
import * as EnsembleCheck from "./ensemble/EnsembleCheck.ts"
import * as PrepareEnsemble from "./ensemble/PrepareEnsemble.ts"
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

interface CheckedVersion {
  readonly row: CheckRow
  /** `undefined`: it is not ready. */
  readonly signature: ModelSignature | undefined
}

/** A model, or an ensemble whose rows come when all others were checked. */
interface CheckedModel {
  readonly rows: ReadonlyArray<CheckRow>
  readonly model: EnsembleCheck.CheckedModel | undefined
  readonly ensemble?: EnsembleCheck.CheckedEnsemble
  readonly warnings: ReadonlyArray<string>
}

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
): Effect.fn.Return<CheckedVersion, never, Services> {
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
    const row: CheckRow = { model, version, status: "UNAVAILABLE", reason, config: polled.config, warnings }
    return { row, signature: undefined }
  }
  const millis = Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6
  yield* given.onEvent({ _tag: "Ready", model, version, millis })
  const { config, signature } = result.success
  return { row: { model, version, status: "READY", reason: undefined, config, warnings }, signature }
})

/** An ensemble by itself: what it consists of is looked at when all others were checked. */
const checkEnsemble = Effect.fnUntraced(function*(
  found: Discovery.Discovered,
  polled: PollModel.Polled,
  versions: ReadonlyArray<number>,
  given: Settings,
  warnings: Array<string>
) {
  const prepared = yield* Effect.flatMap(
    PrepareVersion.hold(found),
    (here) =>
      PrepareEnsemble.prepare({ ...polled, found: here }, (message) => Effect.sync(() => warnings.push(message)))
  ).pipe(Effect.scoped, Effect.result)
  const { id, name } = found
  const home = given.modelNamespacing ? found.root : undefined
  if (Result.isSuccess(prepared)) {
    const ensemble = { id, name, home, config: prepared.success.config, versions }
    return { rows: [], model: undefined, ensemble, warnings }
  }
  return yield* failedModel(found, versions, polled.config, reasonOf(prepared.failure), given, warnings)
})

/** Rows of versions that fail for the same reason. */
const failedModel = Effect.fnUntraced(function*(
  { id, name }: Pick<Discovery.Discovered, "id" | "name">,
  versions: ReadonlyArray<number | undefined>,
  config: ModelConfig | undefined,
  reason: string,
  given: Settings,
  warnings: ReadonlyArray<string>
): Effect.fn.Return<CheckedModel> {
  const rows = versions.map((version): CheckRow => ({
    model: name,
    version,
    status: "UNAVAILABLE",
    reason,
    config,
    warnings
  }))
  for (const version of versions) yield* given.onEvent({ _tag: "Failed", model: name, version, reason })
  return { rows, model: { id, name, versions: new Map(), trouble: { invalid: true, message: reason } }, warnings }
})

const checkModel = Effect.fnUntraced(function*(
  found: Discovery.Discovered,
  given: Settings
): Effect.fn.Return<CheckedModel, never, Services> {
  const { id, name } = found
  const warnings: Array<string> = []
  const warn: PollModel.Warn = (message) => Effect.sync(() => warnings.push(message))
  const failed = (config: ModelConfig | undefined, error: LoadFailed | PollFailed) =>
    failedModel(found, [undefined], config, reasonOf(error), given, warnings)
  const polled = yield* found.open.pipe(
    Effect.flatMap((here) => PollModel.poll(here, given, warn)),
    Effect.scoped,
    Effect.result
  )
  if (Result.isFailure(polled)) return yield* failed(undefined, polled.failure)
  const { config } = polled.success
  const versions = yield* Effect.result(PollModel.chooseVersions(polled.success, warn))
  if (Result.isFailure(versions)) return yield* failed(config, versions.failure)
  if (PrepareEnsemble.isEnsemble(config)) {
    return yield* checkEnsemble(found, polled.success, versions.success, given, warnings)
  }
  const checked = yield* Effect.forEach(
    versions.success,
    (version) => checkVersion(found, polled.success, version, given)
  )
  const ready = checked.flatMap(({ row, signature }) =>
    signature === undefined ? [] : [[row.version!, signature] as const]
  )
  const reasons = checked.flatMap(({ row: { reason, version } }) =>
    reason === undefined ? [] : [`version ${version} is at UNAVAILABLE state: ${reason};`]
  )
  return {
    rows: checked.map(({ row }) => ({ ...row, warnings: [...warnings, ...row.warnings] })),
    model: {
      id,
      name,
      versions: new Map(ready),
      trouble: reasons.length === 0 ? undefined : { invalid: false, message: reasons.join("") }
    },
    warnings
  }
})

/** Rows of the ensembles, after those of all models. */
const judge = Effect.fnUntraced(
  function*(checked: ReadonlyArray<CheckedModel>, ambiguous: ReadonlyArray<string>, given: Settings) {
    const problems = EnsembleCheck.judge(
      checked.flatMap(({ model }) => model ?? []),
      checked.flatMap(({ ensemble }) => ensemble ?? []),
      (name) => ambiguous.includes(name)
    )
    const rows: Array<CheckRow> = []
    for (const { ensemble, warnings } of checked) {
      if (ensemble === undefined) continue
      const { config, id, name: model, versions } = ensemble
      const message = problems.get(id)
      const reason = message === undefined ? undefined : `${codes.INVALID_ARG.prefix}: ${message}`
      for (const version of versions) {
        rows.push({ model, version, status: reason === undefined ? "READY" : "UNAVAILABLE", reason, config, warnings })
        yield* given.onEvent(
          reason === undefined
            ? { _tag: "Ready", model, version, millis: 0 }
            : { _tag: "Failed", model, version, reason }
        )
      }
    }
    return rows
  }
)

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
  const checked = yield* Effect.forEach(found.models, (model) => checkModel(model, given), {
    concurrency: given.loadThreadCount
  })
  const ensembles = yield* judge(checked, found.ambiguous, given)
  return [...unusable, ...checked.flatMap(({ rows }) => rows), ...ensembles].sort((a, b) =>
    a.model < b.model ? -1 : a.model > b.model ? 1 : (a.version ?? -1) - (b.version ?? -1)
  )
})
