/** Files of a model that its config names: where they are, kept inside the model's directory. */
import { Result } from "effect"
import { posix } from "node:path"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { ConfigFault } from "./ConfigFault.ts"
import { invalid } from "./ConfigFault.ts"

/** `true` when a relative path stays below a directory, links not followed. @category guards */
export const isInside = (directory: string, relative: string): boolean => {
  const found = posix.relative(posix.resolve(directory), posix.resolve(directory, relative))
  return found !== "" && found !== ".." && !found.startsWith("../") && !posix.isAbsolute(relative)
}

/**
 * Path of each output's label file, by the output's name; outputs without one are left out. Links are not followed here.
 *
 * Errors: UNSUPPORTED for a path that leaves the model's directory.
 *
 * @category getters
 */
export const labelFiles = (
  config: ModelConfig,
  modelPath: string
): Result.Result<ReadonlyMap<string, string>, ConfigFault> => {
  const paths = new Map<string, string>()
  for (const { label_filename: file, name } of config.output) {
    if (file === "") continue
    const path = posix.join(modelPath, file)
    if (!isInside(modelPath, file)) {
      return Result.fail({
        code: "UNSUPPORTED",
        message: `label file path '${path}' for output '${name}' in model '${config.name}' is outside model directory`
      })
    }
    paths.set(name, path)
  }
  return Result.succeed(paths)
}

/** Lines of a label file: split at LF only, a final line end adds none. @category getters */
export const labels = (text: string): ReadonlyArray<string> => {
  const lines = text.split("\n")
  if (lines.at(-1) === "") lines.pop()
  return lines
}

/** A file that the `checksum` repository agent compares before a model is loaded. @category models */
export interface Checksum {
  /** Below the model's directory. */
  readonly file: string
  readonly path: string
  /** MD5 as lower-case hexadecimal digits. */
  readonly md5: string
}

/**
 * The checksums that `model_repository_agents` asks for, in the order of the config.
 *
 * Errors: INVALID_ARG for a parameter that is not `MD5:‹file›`, or a file outside of the model's directory.
 *
 * @category getters
 */
export const checksums = (
  config: ModelConfig,
  modelPath: string
): Result.Result<ReadonlyArray<Checksum>, ConfigFault> => {
  const found: Array<Checksum> = []
  for (const agent of config.model_repository_agents?.agents ?? []) {
    if (agent.name !== "checksum") continue
    for (const [key, value] of Object.entries(agent.parameters)) {
      const file = /^MD5:(.+)$/s.exec(key)?.[1]
      if (file === undefined || !isInside(modelPath, file)) {
        return Result.fail(invalid(
          `'${config.name}': the checksum agent expects parameters of the form 'MD5:<file in the model directory>', got ` +
            `'${key}'`
        ))
      }
      found.push({ file, path: posix.join(modelPath, file), md5: value.toLowerCase() })
    }
  }
  return Result.succeed(found)
}

/** The fault of a file whose MD5 is not the one asked for. @category constructors */
export const checksumMismatch = (config: ModelConfig, checksum: Checksum): ConfigFault =>
  invalid(`'${config.name}': Mismatched MD5 hash for file ${checksum.file}`)
