/** Programs of the machine that tests use where they are there. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Where PATH has a program; `undefined`: nowhere. */
export const find = (program: string): string | undefined =>
  (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
