/**
 * Fills what a config leaves open from the model's directory: stage 4 of loading, in strict mode too.
 *
 * Source: Triton's model repository documentation; model file names of its backends.
 */
import { Result } from "effect"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"

/** One entry of a directory, links followed. @category models */
export interface DirectoryEntry {
  readonly name: string
  readonly kind: "file" | "directory"
}

/** What stage 4 looks at. @category models */
export interface ModelDirectory {
  /** Name of the model's directory. */
  readonly name: string
  /** Entries of the sub-directory that `directoryToLookInto` named; empty where there is none. */
  readonly entries: ReadonlyArray<DirectoryEntry>
}

interface Convention {
  readonly file: string
  readonly kinds: ReadonlyArray<DirectoryEntry["kind"]>
  readonly backend: string
  /** `""`: the backend has no platforms. */
  readonly platform: string
}

// In the order in which they are tried.
const conventions: ReadonlyArray<Convention> = [
  { file: "model.savedmodel", kinds: ["directory"], backend: "tensorflow", platform: "tensorflow_savedmodel" },
  { file: "model.graphdef", kinds: ["file"], backend: "tensorflow", platform: "tensorflow_graphdef" },
  { file: "model.plan", kinds: ["file"], backend: "tensorrt", platform: "tensorrt_plan" },
  { file: "model.onnx", kinds: ["file", "directory"], backend: "onnxruntime", platform: "onnxruntime_onnx" },
  { file: "model.xml", kinds: ["file"], backend: "openvino", platform: "" },
  { file: "model.pt", kinds: ["file"], backend: "pytorch", platform: "pytorch_libtorch" },
  { file: "model.pt2", kinds: ["file"], backend: "pytorch", platform: "torch_aoti" },
  { file: "model.py", kinds: ["file"], backend: "python", platform: "" }
]

/**
 * The sub-directory of a model that tells its kind: the lexicographically first version, or the first of any kind. Unlike in
 * Triton a hidden directory beside the versions does not come first.
 *
 * @category getters
 */
export const directoryToLookInto = (subdirectories: Iterable<string>): string | undefined => {
  const sorted = [...subdirectories].sort()
  return sorted.find((name) => /^(0|[1-9][0-9]*)$/.test(name)) ?? sorted[0]
}

const present = (convention: Convention, directory: ModelDirectory): boolean =>
  directory.entries.some(({ kind, name }) => name === convention.file && convention.kinds.includes(kind))

const conventionOf = (config: ModelConfig, directory: ModelDirectory): Convention | undefined => {
  const { backend, default_model_filename: file, platform } = config
  if (backend === "") {
    return conventions.find((one) =>
      (one.platform !== "" && one.platform === platform) || one.file === file ||
      (platform === "" && file === "" && present(one, directory))
    )
  }
  const own = conventions.filter((one) => one.backend === backend)
  return own.find((one) => one.platform !== "" && one.platform === platform) ??
    own.find((one) => one.file === file) ??
    own.find((one) => file === "" && present(one, directory)) ??
    own[0]
}

const undetermined = (directory: ModelDirectory, { ensemble_scheduling: steps }: ModelConfig): ConfigFault => {
  const onnx = directory.entries.find((entry) => entry.name.endsWith(".onnx"))
  const module = directory.entries.find((entry) => /^model\.m?[jt]s$/.test(entry.name))
  const hint = steps !== undefined
    ? " Its config has ensemble_scheduling, but platform: \"ensemble\" is missing: add it to config.pbtxt."
    : module !== undefined
    ? ` Its directory holds '${module.name}': give platform: "custom", and every input and output, in config.pbtxt if this is a ` +
      "custom model."
    : onnx === undefined
    ? ` No model file was found in it: an ONNX model is expected at ${directory.name}/1/model.onnx.` +
      (/^\d+$/.test(directory.name) ? " Where this is the directory of one model, name the directory above it." : "")
    : ` Its directory holds '${onnx.name}': call the file model.onnx, or give backend: "onnxruntime" and ` +
      `default_model_filename: "${onnx.name}" in config.pbtxt.`
  return invalid(
    `Invalid model name: Could not determine backend for model '${directory.name}' with no backend in model ` +
      `configuration. Expected model name of the form 'model.<backend_name>'.${hint}`
  )
}

/**
 * The config with `name`, `backend`, `platform` and `default_model_filename` filled where they are empty.
 *
 * Errors: INVALID_ARG when nothing tells the backend.
 *
 * @category combinators
 */
export const resolve = (
  config: ModelConfig,
  directory: ModelDirectory
): Result.Result<ModelConfig, ConfigFault> => {
  const name = config.name === "" ? directory.name : config.name
  if (config.platform === "ensemble") return Result.succeed({ ...config, name })
  // The name of a custom model's module is looked for in each version.
  if (config.backend === "custom" || (config.backend === "" && config.platform === "custom")) {
    return Result.succeed({
      ...config,
      name,
      backend: "custom",
      platform: config.platform === "" ? "custom" : config.platform
    })
  }
  const convention = conventionOf(config, directory)
  if (convention !== undefined) {
    return Result.succeed({
      ...config,
      name,
      backend: convention.backend,
      platform: config.platform === "" ? convention.platform : config.platform,
      default_model_filename: config.default_model_filename === "" ? convention.file : config.default_model_filename
    })
  }
  if (config.backend !== "" || config.platform !== "" || config.default_model_filename !== "") {
    return Result.succeed({ ...config, name })
  }
  const dot = name.indexOf(".")
  const backend = dot === -1 ? "" : name.slice(dot + 1)
  if (backend === "") return Result.fail(undetermined(directory, config))
  return Result.succeed({ ...config, name, backend, default_model_filename: `model.${backend}` })
}

/** The name in the config is the directory's: stage 7 of loading. Errors: INVALID_ARG. @category guards */
export const checkDirectoryName = (config: ModelConfig, directory: string): Checked =>
  firstFault(
    config.name === directory
      ? []
      : [invalid(
        `unexpected directory name '${directory}' for model '${config.name}', directory name must equal model name`
      )]
  )
