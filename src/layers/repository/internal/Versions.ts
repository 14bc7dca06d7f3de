/** Which version directories a model has, and which of them are served. */
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import type { Entry } from "./Directory.ts"

/** Sub-directories of a model that hold something else. */
const reserved = new Set(["configs", "warmup", "initial_state"])

/**
 * Versions of a model out of the entries of its directory, ascending, with a warning for each directory that looks like none.
 *
 * Source: model-config §1.3; a number with other text behind it, a negative one, and one beyond 2^53 are skipped with a
 * warning instead of being read by their prefix.
 *
 * @category getters
 */
export const list = (
  entries: ReadonlyArray<Entry>
): { readonly versions: ReadonlyArray<number>; readonly warnings: ReadonlyArray<string> } => {
  const versions: Array<number> = []
  const warnings: Array<string> = []
  for (const { kind, name } of entries) {
    if (kind === "File" || reserved.has(name)) continue
    if (kind === "Broken") {
      if (/^\d+$/.test(name)) {
        warnings.push(`ignore version directory '${name}' which cannot be read (broken symbolic link or no permission)`)
      }
    } else if (/^0./.test(name)) {
      warnings.push(`ignore version directory '${name}' which contains leading zeros in its directory name`)
    } else if (/^\d+$/.test(name) && Number.isSafeInteger(Number(name))) {
      versions.push(Number(name))
    } else {
      warnings.push(`ignore version directory '${name}' which fails to convert to integral number`)
    }
  }
  return { versions: versions.sort((a, b) => a - b), warnings }
}

/**
 * Versions that the policy of a config serves, ascending, and an error text for each one it names that does not exist.
 *
 * Source: model-config §1.3.
 *
 * @category getters
 */
export const choose = (
  config: ModelConfig,
  versions: ReadonlyArray<number>
): { readonly versions: ReadonlyArray<number>; readonly missing: ReadonlyArray<string> } => {
  const policy = config.version_policy
  if (policy?.specific !== undefined) {
    const wanted = [...new Set(policy.specific.versions)].sort((a, b) => a - b)
    return {
      versions: wanted.filter((version) => versions.includes(version)),
      missing: wanted.filter((version) => !versions.includes(version)).map((version) =>
        `version ${version} is specified for model '${config.name}', but the version directory is not present`
      )
    }
  }
  if (policy?.latest !== undefined) {
    const count = policy.latest.num_versions
    return { versions: count === 0 ? [] : versions.slice(-count), missing: [] }
  }
  return { versions, missing: [] }
}
