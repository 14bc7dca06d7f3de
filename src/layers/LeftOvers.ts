/**
 * Files that a server which was killed has left behind. Whatever a server keeps under a name of its own for as long as it runs has its
 * process id in it; the next one to start removes what belongs to none that runs.
 */
import { Effect } from "effect"
import { readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Folders with copies of models, and with the first model of all, in the folder for temporary files. */
const modelFolders = "galatea-model-"
const firstFolders = "galatea-first-"
/** Files of tensors on their way to processes of instances, see `TransferFile`; they lose their name as soon as they are open. */
const tensorFiles = "galatea-tensors-"

/** How the name of a temporary folder with a copy of a model begins. @category constants */
export const modelFolderPrefix = `${modelFolders}${process.pid}-`

/** How the name of a temporary folder with the first model begins. @category constants */
export const firstFolderPrefix = `${firstFolders}${process.pid}-`

/** How the name of a file of tensors begins. @category constants */
export const tensorFilePrefix = `${tensorFiles}${process.pid}-`

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It runs, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** What carries this process's own number and is older than it was left behind by one before it, as in a container. */
const isOlder = (path: string): boolean => statSync(path).mtimeMs < Date.now() - process.uptime() * 1000 - 1000

const removeFrom = (folder: string, prefix: string): ReadonlyArray<string> => {
  const removed: Array<string> = []
  let names: ReadonlyArray<string>
  try {
    names = readdirSync(folder)
  } catch {
    // Not every system has it.
    return removed
  }
  for (const name of names) {
    const pid = name.startsWith(prefix) ? /^(\d+)-/.exec(name.slice(prefix.length))?.[1] : undefined
    if (pid === undefined) continue
    const path = join(folder, name)
    try {
      if (Number(pid) === process.pid ? !isOlder(path) : isRunning(Number(pid))) continue
      rmSync(path, { recursive: true, force: true })
      removed.push(path)
    } catch {
      // Another server was quicker, or it is not ours to remove.
    }
  }
  return removed
}

/** Removes what servers that were killed have left behind. @category resources */
export const clean: Effect.Effect<void> = Effect.suspend(() => {
  const removed = [
    ...removeFrom(tmpdir(), modelFolders),
    ...removeFrom(tmpdir(), firstFolders),
    ...removeFrom("/dev/shm", tensorFiles)
  ]
  return removed.length === 0
    ? Effect.void
    : Effect.logInfo(`removed what a server that was killed has left behind: ${removed.join(", ")}`)
})
