/** Validates every model of a repository without serving: the pipeline of a load, with one instance that is closed at once. */
import { Effect, Result } from "effect"
import { codes, type LoadFailed, type PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { Executor } from "../../../services/Executor.ts"
import * as Discovery from "./Discovery.ts"
import * as PollModel from "./PollModel.ts"
import * as PrepareVersion from "./PrepareVersion.ts"
import { type Options, type Settings, settings } from "./RepositoryOptions.ts"

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

const checkVersion = Effect.fnUntraced(function*(polled: PollModel.Polled, version: number, given: Settings) {
  const executor = yield* Executor
  const warnings: Array<string> = []
  const { name: model } = polled.found
  yield* given.onEvent({ _tag: "Loading", model, version })
  const result = yield* PrepareVersion.prepare(polled, version, given.backendConfig, (message) =>
    Effect.sync(() => warnings.push(message))).pipe(
      Effect.tap(({ plan }) => Effect.scoped(executor.open({ ...plan, instances: plan.instances.slice(0, 1) }))),
      Effect.timed,
      Effect.result
    )
  if (Result.isFailure(result)) {
    const reason = reasonOf(result.failure)
    yield* given.onEvent({ _tag: "Failed", model, version, reason })
    return { model, version, status: "UNAVAILABLE", reason, config: polled.config, warnings } satisfies CheckRow
  }
  return { model, version, status: "READY", reason: undefined, config: result.success[1].config, warnings } satisfies CheckRow
})
