/** What a process of instances sees of the server's environment. */
import * as RuntimeReports from "../RuntimeReports.ts"

/** Names, and beginnings of names, that libraries of a native runtime, its devices and the system look for. */
const names = new Set([
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TZ",
  "TMPDIR",
  "TEMP",
  "TMP",
  "SYSTEMROOT",
  "WINDIR",
  "DISPLAY"
])
const prefixes = [
  "LC_",
  "LD_",
  "DYLD_",
  "XDG_",
  "VK_",
  "MESA_",
  "CUDA_",
  "NVIDIA_",
  "TENSORRT_",
  "ORT_",
  "OMP_",
  "KMP_",
  "MKL_",
  "GLIBC_",
  "MALLOC_"
]

/** For sessions: nothing that could be a secret of the server. @category getters */
export const ofSessions = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...RuntimeReports.declined,
  ...Object.fromEntries(
    Object.entries(environment).filter(([name]) =>
      names.has(name.toUpperCase()) || prefixes.some((prefix) => name.startsWith(prefix))
    )
  )
})

/** For custom models: all that the server has, as in a thread of it, except for what is meant for its own Node. @category getters */
export const ofCustomModels = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const copy = { ...RuntimeReports.declined, ...environment }
  delete copy["NODE_OPTIONS"]
  return copy
}
