/** A GPU that every machine can have: SwiftShader, a Vulkan driver in software, as Debian's package `chromium` brings it. */
import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { GpuOptions } from "../../../src/layers/execution/OnnxExecutor.ts"
import * as Children from "../Children.ts"

const folder = process.env["GALATEA_TEST_SWIFTSHADER"] ?? "/usr/lib/chromium"
const driver = join(folder, "vk_swiftshader_icd.json")

/** Variables with which a process finds this GPU and no other; `undefined`: the driver is not there, which is said out loud. */
export const variables: Readonly<Record<string, string>> | undefined =
  process.platform === "linux" && process.arch === "x64" && existsSync(driver) &&
    existsSync(join(folder, "libvulkan.so.1"))
    ? {
      VK_ICD_FILENAMES: driver,
      VK_DRIVER_FILES: driver,
      // The loader lies beside the driver.
      LD_LIBRARY_PATH: folder,
      XDG_RUNTIME_DIR: mkdtempSync(join(tmpdir(), "galatea-xdg-"))
    }
    : undefined

if (variables === undefined) {
  process.stderr.write(
    `SKIPPED: no SwiftShader in ${folder} (GALATEA_TEST_SWIFTSHADER), so nothing runs on a GPU (apt-get install chromium)\n`
  )
}

/** Looks for this GPU. */
export const gpus: GpuOptions = { environment: { PATH: "", ...variables } }

const fileOf = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1")
  } catch {
    return ""
  }
}

/** Processes of instances that this file of tests has started on this GPU: others have a folder of their own. */
export const processes = (): ReadonlyArray<number> =>
  Children.pids().filter((pid) =>
    fileOf(pid, "cmdline").includes("process/Host.") && fileOf(pid, "environ").includes(variables!["XDG_RUNTIME_DIR"]!)
  )
