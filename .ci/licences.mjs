// Writes docs/licences.md: what the package brings along, and under which licence.
//
// Usage: node .ci/licences.mjs [--check]
import { readFileSync, writeFileSync } from "node:fs"
import process from "node:process"

const root = new URL("../", import.meta.url)
const read = (name) => JSON.parse(readFileSync(new URL(name, root), "utf8"))
const { packages } = read("package-lock.json")
const { dependencies, peerDependencies } = read("package.json")

/** What a package finds under a name: its own copy, or that of the nearest folder above. */
const resolve = (from, name) => {
  for (let at = from;; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const path = `${at === "" ? "" : `${at}/`}node_modules/${name}`
    if (path in packages) return path
    if (at === "") return undefined
  }
}

const found = new Map()
const visit = (from, name, isHost) => {
  const path = resolve(from, name)
  if (path === undefined || found.has(path)) return
  const { dependencies = {}, license, optionalDependencies = {}, version } = packages[path]
  found.set(path, { name, version, license, isHost })
  for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) visit(path, next, isHost)
}
for (const name of Object.keys(dependencies)) visit("", name, false)
for (const name of Object.keys(peerDependencies)) visit("", name, true)

const rows = [...found.values()].toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
const table = (chosen) => [
  "| Package | Version | Licence |",
  "| --- | --- | --- |",
  ...chosen.map(({ license, name, version }) => `| ${name} | ${version} | ${license} |`)
]
const text = [
  "# Licences",
  "",
  "Written from the lock file by `node .ci/licences.mjs`; do not edit by hand. Galatea itself is under the Apache License 2.0.",
  "",
  "## Installed with it",
  "",
  ...table(rows.filter(({ isHost }) => !isHost)),
  "",
  "## Peers, which the application chooses, and what they bring",
  "",
  "The versions are those that it is developed and tested with. The command line brings those parts of `effect`, `@effect/*` and `ws` along that",
  "it uses, bundled in `dist/bin`; `dist/bin/LICENSES.txt` has their licences.",
  "",
  ...table(rows.filter(({ isHost }) => isHost)),
  ""
].join("\n")

const file = new URL("docs/licences.md", root)
if (process.argv[2] !== "--check") writeFileSync(file, text)
else if (
  readFileSync(file, "utf8").replaceAll(/ +\|/g, " |").replaceAll(/\| -+ /g, "| --- ") !==
    text.replaceAll(/ +\|/g, " |")
) {
  console.error("docs/licences.md is not what the lock file says: run node .ci/licences.mjs")
  process.exitCode = 1
}
