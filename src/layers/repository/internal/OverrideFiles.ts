/** Paths of files that come with a load: each must lie in the model's folder, and none may stand in another's way. */
import { Result } from "effect"
import { posix } from "node:path"

/** Longest part of a path that file systems take. */
const maxPartBytes = 255

const problemOf = (given: string): string | undefined => {
  const normalised = posix.normalize(given)
  if (given.includes("\0")) return `Invalid file parameter 'file:${given.replaceAll("\0", "\\0")}': it contains NUL`
  const outside = normalised === ".." || normalised.startsWith("../") || posix.isAbsolute(normalised)
  if (outside || normalised === "." || normalised.endsWith("/")) {
    return `Invalid file parameter 'file:${given}' with normalized path '${normalised}' must stay within model directory.`
  }
  const long = normalised.split("/").find((part) => Buffer.byteLength(part) > maxPartBytes)
  return long === undefined
    ? undefined
    : `Invalid file parameter 'file:${given.slice(0, 64)}…': a part of its path has ${
      Buffer.byteLength(long)
    } bytes, ` +
      `more than the ${maxPartBytes} that a file's name may have`
}

/**
 * Files by their normalised path below the model's folder, or what is wrong with the first that cannot be.
 *
 * Source: model-config §1.10.
 *
 * @category validation
 */
export const read = (
  files: ReadonlyMap<string, Uint8Array>
): Result.Result<ReadonlyMap<string, Uint8Array>, string> => {
  const placed = new Map<string, Uint8Array>()
  const folders = new Set<string>()
  for (const [given, content] of files) {
    const problem = problemOf(given)
    if (problem !== undefined) return Result.fail(problem)
    const path = posix.normalize(given)
    if (placed.has(path)) return Result.fail(`Invalid file parameter 'file:${given}': '${path}' is given twice`)
    placed.set(path, content)
    for (let at = posix.dirname(path); at !== "."; at = posix.dirname(at)) folders.add(at)
  }
  for (const path of placed.keys()) {
    if (folders.has(path)) {
      return Result.fail(`Invalid file parameter 'file:${path}': other files are given below it, so it is a folder`)
    }
  }
  return Result.succeed(placed)
}
