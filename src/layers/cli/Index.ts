/** `galatea index`: writes the index of a folder of models, by which a web server of plain files serves it as a repository. */
import { Effect, type FileSystem, type Path } from "effect"
import { codes } from "../../schema/Errors.ts"
import * as IndexRepository from "../repository/IndexRepository.ts"
import { CliFailure } from "./CliFailure.ts"
import type { Output } from "./internal/Output.ts"

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? "" : "s"}`

/** Fails with `CliFailure` where the folder cannot be read or written, or has no models. @category commands */
export const index = (
  folder: string,
  { output }: { readonly output: Output }
): Effect.Effect<void, CliFailure, FileSystem.FileSystem | Path.Path> =>
  IndexRepository.write(folder).pipe(
    Effect.mapError(({ code, message }) =>
      new CliFailure({ message: `galatea index: ${codes[code].prefix}: ${message}\n` })
    ),
    Effect.map(({ file, index: { models } }) => {
      const files = models.flatMap((model) => model.files)
      const bytes = files.reduce((sum, { size }) => sum + size, 0)
      output.out(
        `${file}: ${count(models.length, "model")}, ${count(files.length, "file")}, ${count(bytes, "byte")}\n`
      )
    })
  )
