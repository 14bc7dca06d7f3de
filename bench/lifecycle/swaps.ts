/** Replaces a model in place, each time in another way. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as tables from "./tables.ts"

/** Size of the model: enough for a leak of one to be seen. */
const bytes = 1 << 20

/** Contents are numbered from 1 on; an answer is the number of the contents that gave it. */
export class Swaps {
  /** Contents put in place so far. */
  count = 1
  private version = 1
  private instances = 1
  private readonly repository: string
  private readonly folder: string

  constructor(repository: string, model: string) {
    this.repository = repository
    this.folder = join(repository, model)
    tables.place(repository, model, { "config.pbtxt": tables.config(), "1/model.onnx": tables.table(1, bytes) })
  }

  placed(value: number): boolean {
    return Number.isInteger(value) && value >= 1 && value <= this.count
  }

  /**
   * A new version takes the place of the old one, or a new file that of the old one in the same version; every fourth time the
   * config changes too. Gives the config as JSON where a load is to bring it, as every eighth is.
   */
  next(): string | undefined {
    this.count++
    const model = tables.table(this.count, bytes)
    if (this.count % 2 === 0) {
      const old = join(this.folder, String(this.version++))
      tables.place(this.folder, String(this.version), { "model.onnx": model })
      this.discard(old)
    } else this.write("model.onnx", join(this.folder, String(this.version), "model.onnx"), model)
    if (this.count % 4 === 0) {
      this.instances = 3 - this.instances
      this.write("config.pbtxt", join(this.folder, "config.pbtxt"), tables.config(this.instances))
    }
    return this.count % 8 === 5 ? JSON.stringify(tables.jsonConfig) : undefined
  }

  private write(name: string, path: string, content: string | Uint8Array): void {
    const hidden = join(this.repository, "..", name)
    writeFileSync(hidden, content)
    renameSync(hidden, path)
  }

  /** Takes a folder away in one step. */
  private discard(path: string): void {
    const hidden = join(this.repository, "..", "old")
    mkdirSync(hidden, { recursive: true })
    renameSync(path, join(hidden, "version"))
    rmSync(hidden, { recursive: true })
  }
}
