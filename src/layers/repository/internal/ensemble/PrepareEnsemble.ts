/**
 * Brings the config of an ensemble to its final form and checks what can be checked without the models that it consists of. It has
 * no model file, and nothing of its config is completed.
 *
 * Source: model-config §6.9.
 */
import { Effect, type Result } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { ConfigFault } from "../config/ConfigFault.ts"
import { unimplemented } from "../config/Unimplemented.ts"
import { validateConfig } from "../config/Validate.ts"
import { validateIo } from "../config/ValidateTensors.ts"
import * as Labels from "../Labels.ts"
import type { Polled, Warn } from "../PollModel.ts"

/** @category models */
export interface PreparedEnsemble {
  /** The final config. */
  readonly config: ModelConfig
  /** Of outputs that have a label file of their own. */
  readonly labels: ReadonlyMap<string, ReadonlyArray<string>>
}

/** @category guards */
export const isEnsemble = ({ platform }: Pick<ModelConfig, "platform">): boolean => platform === "ensemble"

/** A normalised config of which nothing is left open. Errors: `LoadFailed`. @category constructors */
export const check = Effect.fnUntraced(function*(given: ModelConfig, directory: string, warn: Warn) {
  const model = given.name
  const failed = ({ code, message }: ConfigFault) => new LoadFailed({ model, code, message })
  const checked = (result: Result.Result<void, ConfigFault>) => Effect.mapError(Effect.fromResult(result), failed)
  for (const { code, message, severity } of unimplemented(given, { modelDirectory: directory })) {
    if (severity === "refuse") return yield* new LoadFailed({ model, code, message })
    yield* warn(message)
  }
  // Clients look for this key in the config of an ensemble.
  const config = { ...given, model_transaction_policy: given.model_transaction_policy ?? { decoupled: false } }
  yield* checked(validateConfig(config))
  yield* checked(validateIo(config, { declaresZero: () => true }))
  return config
})

/**
 * Prepares all versions of a polled ensemble: they differ in nothing but their number.
 *
 * Errors: `LoadFailed` with the first thing that is wrong.
 *
 * @category constructors
 */
export const prepare = Effect.fn("PrepareEnsemble.prepare")(function*({ config: given, found }: Polled, warn: Warn) {
  const config = yield* check(given, found.directory, warn)
  const labels = yield* Labels.read(config, found.directory, warn)
  return { config, labels } satisfies PreparedEnsemble
})
