/**
 * Where compiled code of the command line is kept from one start to the next: in a folder of the user's own cache, for code that
 * others could write would run as this user. Without such a folder a start takes a little longer, and nothing else happens.
 *
 * `NODE_COMPILE_CACHE` names another folder, `NODE_DISABLE_COMPILE_CACHE=1` none: both are Node's.
 */
import { createHash } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"
import process from "node:process"

/** Folders kept, one for each installation, Node and kind of command; some megabytes each. */
const maxFolders = 8

/** The user's folder for what can be made again. */
const base = () => {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  if (XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME
  if (process.platform === "win32") return LOCALAPPDATA
  const home = homedir()
  if (!isAbsolute(home) || !existsSync(home)) return undefined
  return join(home, process.platform === "darwin" ? "Library/Caches" : ".cache")
}

/** Whether nobody but this user, and who may do everything, can put files there. */
const isOwn = (folder, owners) => {
  const { mode, uid } = lstatSync(folder)
  const isFolder = (mode & 0o170000) === 0o040000
  return isFolder && (process.getuid === undefined || (owners.includes(uid) && (mode & 0o022) === 0))
}

/**
 * Makes a folder and those above it that are missing. Node's own way, `recursive`, never ends where the system says that a folder is
 * missing which is there, as it does in `/proc`.
 */
const make = (path) => {
  if (existsSync(path)) return
  make(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

/** Makes room for one more. */
const prune = (parent) => {
  const age = (name) => lstatSync(join(parent, name)).mtimeMs
  const oldest = readdirSync(parent).toSorted((a, b) => age(a) - age(b))
  for (const name of oldest.slice(0, Math.max(0, oldest.length + 1 - maxFolders))) {
    rmSync(join(parent, name), { recursive: true, force: true })
  }
}

/** The folder for what `files` names, made where it was not there; `undefined` where none is safe. */
const folder = (files, kind) => {
  const root = base()
  if (root === undefined) return undefined
  make(root)
  const user = process.getuid?.()
  if (!isOwn(root, [user, 0])) return undefined
  const name = createHash("sha256").update(files).digest("hex").slice(0, 16)
  const parts = ["galatea", "compile", `${process.version}-${process.arch}-${name}-${kind}`]
  let path = root
  for (const [i, part] of parts.entries()) {
    const parent = path
    path = join(path, part)
    if (!existsSync(path)) {
      if (i === parts.length - 1) prune(parent)
      mkdirSync(path, { mode: 0o700 })
    }
    if (!isOwn(path, [user])) return undefined
  }
  return path
}

/** Keeps what the modules of `files` are compiled to. `kind`: commands that use other parts of them keep their own. */
export const use = (files, kind) => {
  try {
    const path = folder(files, kind)
    if (path !== undefined) enableCompileCache(path)
  } catch {
    // A read-only or full disk, another process that made or removed the folder in this moment: then without.
  }
}
