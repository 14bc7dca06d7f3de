/**
 * Writes `dist/bin`: the command line as a few files, which a process loads in a third of the time that the modules of `dist` and of
 * Effect take one by one. Run after `tsc`: workers, processes of instances and the console's page are still found in `dist`.
 *
 * What `dependencies` of package.json names stays outside, and so does ONNX Runtime; the licences of what went in lie beside the files.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import http from "node:http"
import { isBuiltin } from "node:module"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { type OutputChunk, type Plugin, rolldown } from "rolldown"

const root = fileURLToPath(new URL("..", import.meta.url))
const source = join(root, "src")
const output = join(root, "dist", "bin")

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>
}
const outside = [...Object.keys(manifest.dependencies), "onnxruntime-node"]

const isOutside = (id: string): boolean =>
  (isBuiltin(id) && id !== "node:http") || outside.some((name) => id === name || id.startsWith(`${name}/`))

/** Where a module looks for what lies beside it: where `tsc` has put it, and never in the bundle. */
const places: Plugin = {
  name: "places",
  transform: (code, id) => {
    if (!id.startsWith(source) || !code.includes("import.meta.url")) return undefined
    const built = join(root, "dist", relative(source, id).replace(/\.ts$/, ".js"))
    const place = JSON.stringify(relative(output, built).replaceAll(sep, "/"))
    return { code: code.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`), map: null }
  }
}

/** Node's HTTP without what its import would load: all of Node's web client, which hides behind accessors of that module alone. */
const plainHttp: Plugin = {
  name: "plain-http",
  resolveId: (id) => id === "node:http" ? "\0http" : undefined,
  load: (id) => {
    if (id !== "\0http") return undefined
    const names = Object.entries(Object.getOwnPropertyDescriptors(http)).flatMap(([name, { get }]) =>
      get === undefined && !name.startsWith("_") ? [name] : []
    )
    return [
      `const http = process.getBuiltinModule("node:http")`,
      ...names.map((name) => `export const ${name} = http.${name}`)
    ].join("\n")
  }
}

/** Characters beyond ASCII as escapes: one of them would make V8 keep two bytes for each character of the file. */
const ascii = (code: string): string =>
  code.replaceAll(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Name, version and licence of a package, by the folder that it lies in. */
const notice = (folder: string): string => {
  const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Readonly<
    Record<"license" | "name" | "version", string>
  >
  return `${name} ${version}, ${license}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`
}

/** The folders of the packages that went into the files. */
const packages = (chunks: ReadonlyArray<OutputChunk>): ReadonlyArray<string> => {
  const found = chunks.flatMap(({ modules }) => Object.keys(modules)).flatMap((id) => {
    const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)
    return folder === null ? [] : [folder[0]]
  })
  return [...new Set(found)].toSorted()
}

const bundle = await rolldown({
  input: { main: join(source, "main.ts") },
  platform: "node",
  external: isOutside,
  plugins: [places, plainHttp],
  onLog: (_level, { message }) => {
    throw new Error(message)
  }
})
const { output: written } = await bundle.generate({
  format: "esm",
  chunkFileNames: "[name].js",
  comments: false
})

const chunks = written.filter((one) => one.type === "chunk")
mkdirSync(output, { recursive: true })
for (const { code, fileName } of chunks) {
  const path = join(output, fileName)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, ascii(code))
}
writeFileSync(
  join(output, "LICENSES.txt"),
  `The files of this folder hold, beside Galatea, parts of these packages.\n\n${
    packages(chunks).map(notice).join(`\n${"-".repeat(72)}\n\n`)
  }`
)
