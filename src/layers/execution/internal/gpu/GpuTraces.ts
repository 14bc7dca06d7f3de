/** Whether it is worth a process to look for GPUs: what a driver leaves behind where there is one. */
import { existsSync, readdirSync } from "node:fs"

/** @category models */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly exists: (path: string) => boolean
  /** Names in a folder; none where it is not there. */
  readonly names: (folder: string) => ReadonlyArray<string>
}

/** The machine that this process runs on. @category constructors */
export const thisMachine = (): Machine => ({
  platform: process.platform,
  environment: process.env,
  exists: existsSync,
  names: (folder) => {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  }
})

/** NVIDIA's own, those of Windows inside Linux, and those of AMD. */
const nodes = ["/dev/nvidiactl", "/dev/dxg", "/dev/kfd"]

/** Somebody who names a Vulkan driver means it to be used, also one without a device, such as a software driver. */
const variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"]

/**
 * What tells of GPUs: device files and variables on Linux, the system itself elsewhere. Empty: there is none, and nothing more has
 * to be tried.
 *
 * @category getters
 */
export const find = (machine: Machine): ReadonlyArray<string> => {
  if (machine.platform === "darwin" || machine.platform === "win32") return [machine.platform]
  return [
    ...variables.filter((name) => (machine.environment[name] ?? "") !== ""),
    ...nodes.filter(machine.exists),
    ...machine.names("/dev/dri").filter((name) => name.startsWith("renderD")).map((name) => `/dev/dri/${name}`)
  ]
}

/** What was looked for, for a message. @category constants */
export const wanted = [...nodes, "/dev/dri/renderD*", ...variables.map((name) => `$${name}`)].join(", ")
