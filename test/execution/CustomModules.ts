/** Modules of custom models on disk, and plans for them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll } from "vitest"
import type { DataType } from "../../src/schema/DataType.ts"
import type { ModelPlan, TensorSpec } from "../../src/services/Executor.ts"
import { identityPlan } from "../suites/executorSuite.ts"

/** A folder for as long as the tests of the file run; gives the paths of the modules that are written into it. */
export const folder = () => {
  const root = mkdtempSync(join(tmpdir(), "galatea-custom-"))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  let count = 0
  return (source: string, name = "model.ts", beside: Readonly<Record<string, string>> = {}): string => {
    const directory = join(root, String(count++))
    mkdirSync(directory)
    for (const [file, text] of Object.entries({ ...beside, [name]: source })) {
      mkdirSync(dirname(join(directory, file)), { recursive: true })
      writeFileSync(join(directory, file), text)
    }
    return join(directory, name)
  }
}

export const spec = (name: string, datatype: DataType, shape: ReadonlyArray<number>): TensorSpec => ({
  name,
  datatype,
  shape
})

/** A plan of one instance: FP32 rows of any width in and out, unless told otherwise. */
export const plan = (path: string, rest: Partial<ModelPlan> = {}): ModelPlan => ({
  ...identityPlan(path),
  model: "m",
  inputs: [spec("X", "FP32", [-1, -1])],
  outputs: [spec("Y", "FP32", [-1, -1])],
  instances: [{ name: "m_0", device: { kind: "CPU", id: 0 } }],
  backend: "custom",
  ...rest
})
