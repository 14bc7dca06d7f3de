/** Built checkouts of revisions, in folders that go away again. */
import { execFileSync } from "node:child_process"
import { existsSync, realpathSync, symlinkSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL("../..", import.meta.url))

const git = (...words: ReadonlyArray<string>): string =>
  execFileSync("git", ["-C", here, ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()

/** @category models */
export interface Checkout {
  readonly folder: string
  /** How the table calls it. */
  readonly name: string
  readonly remove: () => void
}

/**
 * A revision as git names it, built with its own script and this checkout's packages; or the folder of a built checkout, as it is.
 *
 * @category constructors
 */
export const checkout = (what: string, folder: string): Checkout => {
  if (existsSync(join(what, "bin/galatea.js"))) {
    // Those of before the command line was bundled have no folder `bin` in it.
    if (!["dist/bin/main.js", "dist/main.js"].some((main) => existsSync(join(what, main)))) {
      throw new Error(`${what} is not built: run 'npm run build' in it`)
    }
    return { folder: resolve(what), name: what, remove: () => {} }
  }
  const commit = git("rev-parse", "--short", `${what}^{commit}`)
  git("worktree", "add", "--detach", folder, commit)
  symlinkSync(realpathSync(join(here, "node_modules")), join(folder, "node_modules"))
  process.stderr.write(`building ${what} (${commit})\n`)
  execFileSync("npm", ["run", "build"], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] })
  return {
    folder,
    name: what.startsWith(commit) ? commit : `${what} (${commit})`,
    remove: () => void git("worktree", "remove", "--force", folder)
  }
}
