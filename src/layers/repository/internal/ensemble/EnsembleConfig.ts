/** The config of a model as it is read to load it; that of an ensemble is all that there is to read of it. */
import { Effect, Result } from "effect"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { Located } from "../Discovery.ts"
import type { Lifecycle } from "../Lifecycle.ts"
import * as PollModel from "../PollModel.ts"
import type { Settings } from "../RepositoryOptions.ts"
import * as PrepareEnsemble from "./PrepareEnsemble.ts"

/** Polls a model, and prepares it where it is an ensemble: its files may be gone after this. @category constructors */
export const read = Effect.fnUntraced(function*(
  here: Located,
  settings: Settings,
  warn: PollModel.Warn,
  override: ModelConfig | undefined
) {
  const polled = yield* PollModel.poll(here, settings, warn, override)
  return {
    polled,
    ensemble: PrepareEnsemble.isEnsemble(polled.config)
      ? yield* Effect.result(PrepareEnsemble.prepare(polled, warn))
      : undefined
  }
})

/** An ensemble that is wrong by itself fails as versions do that do not open. @category guards */
export const checked = Effect.fnUntraced(function*(
  lifecycle: Lifecycle,
  target: { readonly id: string; readonly name: string },
  ensemble: Result.Result<PrepareEnsemble.PreparedEnsemble, LoadFailed>,
  versions: ReadonlyArray<number>
) {
  if (Result.isSuccess(ensemble)) return ensemble.success
  const open = Effect.fail(ensemble.failure)
  yield* lifecycle.load(target, versions.map((version) => ({ version, light: true, open })))
  return yield* ensemble.failure
})
