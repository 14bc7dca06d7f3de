/**
 * What a custom model imports by name. Beside a model there is usually no `node_modules`, so what the server has is found from
 * everywhere; the package of the server itself is always the server's own.
 */
import { readFileSync, statSync } from "node:fs"
import { registerHooks } from "node:module"
import { WrongModel } from "./CustomFailure.ts"

/** Packages that a model need not bring. */
const shared = ["effect", "@effect/platform-node"]
const own = "galatea"

const packageRoot = new URL("../../../../", import.meta.url)

const isOf = (specifier: string, name: string) => specifier === name || specifier.startsWith(`${name}/`)

/** `exports` of a `package.json`, as far as this package uses them. @category models */
export type Exports = Readonly<Record<string, string | null | { readonly default: string }>>

/**
 * The path of a module of this package below its root, `undefined` for one that it does not export. From sources, `exports` says where
 * the module would lie in the built package.
 *
 * @category getters
 */
export const pathOf = (exports: Exports, specifier: string, fromSources: boolean): string | undefined => {
  const wanted = `.${specifier.slice(own.length)}`
  let target: Exports[string] | undefined = exports[wanted]
  let part = ""
  let length = -1
  if (target === undefined) {
    for (const [pattern, candidate] of Object.entries(exports)) {
      const star = pattern.indexOf("*")
      if (star < 0 || pattern.length <= length) continue
      const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)]
      if (wanted.length < pattern.length || !wanted.startsWith(before) || !wanted.endsWith(after)) continue
      length = pattern.length
      target = candidate
      part = wanted.slice(star, wanted.length - after.length)
    }
  }
  if (target === undefined || target === null) return undefined
  const path = (typeof target === "string" ? target : target.default).replace("*", part)
  return fromSources ? path.replace(/^\.\/dist\/(.*)\.js$/, "./src/$1.ts") : path
}

/** An error that says all, under the code that a module which catches it may look for. */
const refusal = (code: string, message: string, cause?: unknown) =>
  Object.assign(new WrongModel(message, { cause }), { code })

const isFile = (url: URL) => url.protocol === "file:" && statSync(url, { throwIfNoEntry: false })?.isFile() === true

/** How the import of a file would have to be written: Node adds no extension, looks into no folder, and takes `.js` as it is. */
const meant = (specifier: string, parent: string): string | undefined => {
  const bare = specifier.replace(/\.[cm]?js$/, "")
  const endings = [".ts", ".mts", ".mjs", ".js"]
  return [...endings.map((ending) => `${bare}${ending}`), ...endings.map((ending) => `${specifier}/index${ending}`)]
    .find((candidate) => isFile(new URL(candidate, parent)))
}

/** What was not found, with what to do where that is known; else the error as it is. @category errors */
export const explained = (error: unknown, specifier: string, parent: string | undefined): unknown => {
  if (!(error instanceof Error) || !("code" in error) || parent === undefined) return error
  const { code, message } = error
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "ERR_UNSUPPORTED_DIR_IMPORT") return error
  if (/^\.{0,2}\//.test(specifier)) {
    const file = meant(specifier, parent)
    return file === undefined ? error : refusal(code, `${message}: write "${file}"`, error)
  }
  if (!message.startsWith("Cannot find package")) return error
  return refusal(
    code,
    `${message}: it is looked for in 'node_modules' beside that file and in the folders above; only ${
      shared.join(", ")
    } and ` +
      `${own} come with the server`,
    error
  )
}

/** Lets modules of this thread find what the server shares. @category resources */
export const register = (): void => {
  const manifest = JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8")) as {
    readonly exports: Exports
  }
  const fromSources = import.meta.url.endsWith(".ts")
  registerHooks({
    resolve: (specifier, context, next) => {
      if (isOf(specifier, own)) {
        const path = pathOf(manifest.exports, specifier, fromSources)
        if (path !== undefined) return next(new URL(path, packageRoot).href, context)
        throw refusal(
          "ERR_PACKAGE_PATH_NOT_EXPORTED",
          `the server has no module '${specifier}': what a custom model needs is in '${own}/custom'`
        )
      }
      try {
        return next(specifier, context)
      } catch (error) {
        if (!shared.some((name) => isOf(specifier, name))) throw explained(error, specifier, context.parentURL)
        return next(specifier, { ...context, parentURL: import.meta.url })
      }
    }
  })
}
