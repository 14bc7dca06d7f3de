/**
 * Loads every module of the contracts where nothing of Node, no platform package and no native code can be had, as in a browser.
 *
 *     node test/contracts/load.ts [FOLDER]
 *
 * FOLDER has `schema` and `services`: `src` by default, or `dist`. Prints how many modules were loaded.
 */
import { globSync } from "node:fs"
import { registerHooks } from "node:module"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"

const folder = resolve(process.argv[2] ?? "src")
const modules = globSync("{schema,services}/**/*.{ts,js}", { cwd: folder, exclude: ["**/*.d.ts"] })

const refused = /^(?:node:|@effect\/|@opentelemetry\/|onnxruntime-|ws$)/

registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = refused.test(specifier) ? undefined : next(specifier, context)
    if (resolved === undefined || resolved.url.startsWith("node:")) {
      throw new Error(`${context.parentURL} loads ${specifier}`)
    }
    return resolved
  }
})

for (const module of modules) await import(pathToFileURL(resolve(folder, module)).href)
console.log(`${modules.length} modules`)
