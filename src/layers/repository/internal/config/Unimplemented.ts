/**
 * Valid configs that ask for what this release does not do: refused where ignoring it would answer wrongly, warned of where
 * answers stay right.
 */
import { posix } from "node:path"
import type { Code } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { isInside } from "./ModelFiles.ts"

/** @category models */
export interface Unimplemented {
  /** Path of the field in the config. */
  readonly field: string
  /** One sentence. */
  readonly message: string
  readonly severity: "refuse" | "warn"
  readonly code: Code
}

/** Why a tensor of a datatype cannot be served, as one sentence. `type` is the config's or the model's name of it. @category getters */
export const datatypeRefusal = (tensor: {
  readonly kind: "input" | "output"
  readonly name: string
  readonly type: string
}): string =>
  `model ${tensor.kind} '${tensor.name}' has the data type ${tensor.type}, which ONNX Runtime's JavaScript binding cannot ` +
  "carry: cast it inside the model to one of BOOL, INT8-64, UINT8-64, FP16, FP32, FP64 or STRING."

const refuse = (field: string, message: string, code: Code = "UNSUPPORTED"): Unimplemented => ({
  field,
  message,
  severity: "refuse",
  code
})

const warn = (field: string, message: string): Unimplemented => ({
  field,
  message,
  severity: "warn",
  code: "UNSUPPORTED"
})

function* refusals(
  config: ModelConfig,
  agentDirectory: string,
  modelDirectory: string
): Generator<Unimplemented> {
  const { name } = config
  const model = `model '${name}'`
  if (config.sequence_batching?.iterative_sequence) {
    yield refuse(
      "sequence_batching.iterative_sequence",
      `${model} asks for iterative_sequence, by which a model runs again and again for one request, which this release does not ` +
        "do: remove it, an ONNX model answers each request once."
    )
  }
  if (config.model_transaction_policy?.decoupled) {
    yield refuse(
      "model_transaction_policy.decoupled",
      `${model} declares decoupled responses, which this release does not send: remove model_transaction_policy, an ONNX ` +
        "model answers each request once."
    )
  }
  for (const kind of ["input", "output"] as const) {
    for (const [index, io] of config[kind].entries()) {
      if (io.data_type === "TYPE_BF16" && config.backend !== "custom") {
        yield refuse(
          `${kind}[${index}].data_type`,
          datatypeRefusal({ kind, name: io.name, type: io.data_type })
        )
      }
    }
  }
  if ((config.model_operations?.op_library_filename.length ?? 0) > 0) {
    yield refuse(
      "model_operations",
      `${model} needs custom operators from native libraries, which ONNX Runtime's JavaScript binding cannot load.`
    )
  }
  for (const [index, agent] of (config.model_repository_agents?.agents ?? []).entries()) {
    if (agent.name === "checksum") continue
    yield refuse(
      `model_repository_agents.agents[${index}]`,
      `unable to find 'libtritonrepoagent_${agent.name}.so' for repo agent '${agent.name}', searched: ${agentDirectory}`,
      "INVALID_ARG"
    )
  }
  const strategy = config.parameters["TRITON_BATCH_STRATEGY_PATH"]
  if (strategy !== undefined) {
    const field = "parameters[\"TRITON_BATCH_STRATEGY_PATH\"]"
    // An absolute path is allowed here, into the model's directory.
    const library = posix.resolve(modelDirectory, strategy.string_value)
    if (!isInside(modelDirectory, posix.relative(modelDirectory, library))) {
      yield refuse(field, "Batching library path escapes model repository.", "INVALID_ARG")
    }
    yield refuse(
      field,
      `${model} names a native library of a custom batching strategy, which is not loaded: remove ` +
        "TRITON_BATCH_STRATEGY_PATH."
    )
  }
}

function* warnings(config: ModelConfig): Generator<Unimplemented> {
  const model = `model '${config.name}'`
  if (config.instance_group.length > 0 && config.instance_group.every(({ passive }) => passive)) {
    yield warn("instance_group.passive", `${model} has passive instances only: every request to it is refused.`)
  }
}

/**
 * What a valid config asks for and this release does not do, refusals first. Ask with the config as its file gives it: a
 * scheduler that auto-complete added is nobody's wish. `agentDirectory` stands in messages only; files of the model lie in
 * `modelDirectory`.
 *
 * @category getters
 */
export const unimplemented = (
  config: ModelConfig,
  options: { readonly agentDirectory?: string; readonly modelDirectory?: string } = {}
): ReadonlyArray<Unimplemented> => [
  ...refusals(config, options.agentDirectory ?? "/opt/tritonserver/repoagents", options.modelDirectory ?? "/"),
  ...warnings(config)
]
