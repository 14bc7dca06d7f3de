/** Which runtime a model is for, and what to do about a model of a runtime that this server does not have. */
import { Result } from "effect"
import { posix } from "node:path"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import type { ConfigFault } from "./ConfigFault.ts"
import { invalid } from "./ConfigFault.ts"
import { isInside } from "./ModelFiles.ts"

/** Platforms of the backends that have any. @category constants */
export const platforms: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["tensorflow", ["tensorflow_graphdef", "tensorflow_savedmodel"]],
  ["tensorrt", ["tensorrt_plan"]],
  ["onnxruntime", ["onnxruntime_onnx"]],
  ["pytorch", ["pytorch_libtorch", "torch_aoti"]],
  ["custom", ["custom"]]
])

const original = "export the original model to ONNX with the exporter of the framework it was made in"

const remedies: Readonly<Record<string, string>> = {
  tensorflow: "Convert the model to ONNX with tf2onnx (python -m tf2onnx.convert) and serve the ONNX file.",
  tensorflow_graphdef:
    "Convert the model to ONNX with tf2onnx (python -m tf2onnx.convert --graphdef model.graphdef --output model.onnx).",
  tensorflow_savedmodel:
    "Convert the model to ONNX with tf2onnx (python -m tf2onnx.convert --saved-model model.savedmodel --output model.onnx).",
  tensorrt: `A TensorRT plan cannot be converted back: ${original}.`,
  pytorch: "Export the model to ONNX with torch.onnx.export and serve the ONNX file.",
  caffe2_netdef: "Convert the model to ONNX with Caffe2's ONNX exporter (caffe2.python.onnx.frontend).",
  openvino: `OpenVINO models are not run here: ${original}.`,
  python: "Python models are not run: write the model in TypeScript, with platform \"custom\", or export it to ONNX."
}

const instead =
  "export the model to ONNX, write it in TypeScript with platform \"custom\", or remove its directory from the repository."

/** What runs here, and which of it was probably meant. */
const running = (what: string, names: ReadonlyArray<string>, given: string): string => {
  const quoted = names.map((name) => `"${name}"`)
  const near = nearest(given, names)
  return `The ${what} that run here are ${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}: ` +
    (near === undefined ? instead : `did you mean "${near}"?`)
}

/** One sentence on what to do with a model of another platform or backend. @category getters */
export const remedy = (config: { readonly backend: string; readonly platform: string }): string => {
  const { backend, platform } = config
  for (const name of [platform, backend]) if (Object.hasOwn(remedies, name)) return remedies[name]!
  for (const [name, known] of platforms) if (known.includes(platform) && name in remedies) return remedies[name]!
  if (backend === "" && platform === "") {
    return "Give backend: \"onnxruntime\" in config.pbtxt if this is an ONNX model."
  }
  if (backend === "" && platform.includes("onnx")) return "The platform of ONNX models is \"onnxruntime_onnx\"."
  if (backend === "ensemble") return "An ensemble has platform: \"ensemble\", and no backend."
  return backend === ""
    ? running("platforms", ["onnxruntime_onnx", "ensemble", "custom"], platform)
    : running("backends", ["onnxruntime", "custom"], backend)
}

/** Where backend libraries would be searched, for messages. @category models */
export interface SearchPaths {
  readonly version: string
  readonly model: string
  /** Value of `--backend-directory`. */
  readonly backends: string
}

/**
 * The runtime of a validated config: stage 10 of loading.
 *
 * Errors: INVALID_ARG with Triton's text for a backend library that is not there, and one sentence on what to do.
 *
 * @category getters
 */
export const resolveBackend = (
  config: ModelConfig,
  paths: SearchPaths
): Result.Result<"onnxruntime" | "custom" | "ensemble", ConfigFault> => {
  if (config.platform === "ensemble") return Result.succeed("ensemble")
  const { backend, runtime } = config
  const directory = posix.join(paths.backends, backend)
  if (runtime !== "" && !isInside(directory, runtime)) {
    return Result.fail(invalid(
      `backend library name '${runtime}' escapes backend directory '${directory}', for model '${config.name}', ` +
        "check model config runtime field"
    ))
  }
  const known = runtime === "" || runtime === "libtriton_onnxruntime.so" || runtime === "triton_onnxruntime.dll"
  if (runtime !== "" && !(known && backend === "onnxruntime")) {
    const searched = [paths.version, paths.model, directory].map((path) => `'${path}' `).join("")
    return Result.fail(
      invalid(`unable to find backend library '${runtime}' for model '${config.name}', searched: ${searched}`)
    )
  }
  if (backend === "onnxruntime" || backend === "custom") return Result.succeed(backend)
  return Result.fail(invalid(
    `unable to find backend library for backend '${backend}', try specifying runtime on the model configuration. ` +
      remedy(config)
  ))
}
