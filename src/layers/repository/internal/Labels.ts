/** Reads the class labels of outputs. */
import { Effect, Path } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { readBounded } from "./Directory.ts"

/** Bytes that a label file may have. @category models */
export const maxBytes = 64 * 1024 * 1024

const lines = (bytes: Uint8Array): { readonly labels: ReadonlyArray<string>; readonly exact: boolean } => {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
  const labels = text.split("\n")
  if (labels.at(-1) === "") labels.pop()
  return { labels, exact: !text.includes("\ufffd") }
}

/**
 * Labels by output name: line i is class i, split at LF only, so a CR stays. `directory` is the model's.
 *
 * Errors: `LoadFailed` UNSUPPORTED for a path that leaves the directory, INTERNAL for a file that cannot be read.
 * Source: model-config §6.10.
 *
 * @category constructors
 */
export const read = Effect.fnUntraced(function*(config: ModelConfig, directory: string) {
  const path = yield* Path.Path
  const labels = new Map<string, ReadonlyArray<string>>()
  const warnings: Array<string> = []
  for (const { label_filename, name } of config.output) {
    if (label_filename === "") continue
    const file = path.join(directory, label_filename)
    const below = path.relative(directory, file)
    if (below === "" || below === ".." || below.startsWith(`..${path.sep}`)) {
      return yield* new LoadFailed({
        model: config.name,
        code: "UNSUPPORTED",
        message: `label file path '${directory}${path.sep}${label_filename}' for output '${name}' in model ` +
          `'${config.name}' is outside model directory`
      })
    }
    const bytes = yield* readBounded(file, maxBytes).pipe(
      Effect.mapError(({ code, message }) => new LoadFailed({ model: config.name, code, message }))
    )
    const { exact, labels: read } = lines(bytes)
    if (!exact) warnings.push(`label file '${file}' is not valid UTF-8: its other bytes read as U+FFFD`)
    labels.set(name, read)
  }
  return { labels, warnings }
})
