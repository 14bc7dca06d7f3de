/**
 * What a custom model imports by name. Beside a model there is usually no `node_modules`, so what the server has is found from
 * everywhere; the package of the server itself is always the server's own.
 */
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"

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
        return next(path === undefined ? specifier : new URL(path, packageRoot).href, context)
      }
      if (!shared.some((name) => isOf(specifier, name))) return next(specifier, context)
      try {
        return next(specifier, context)
      } catch {
        return next(specifier, { ...context, parentURL: import.meta.url })
      }
    }
  })
}
