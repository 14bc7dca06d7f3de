#!/usr/bin/env node
// Starts the command line. Written in old syntax on purpose: on a Node that is too old this file must still load, to say so.
var needed = [22, 19]
var running = process.versions.node.split(".").map(Number)

if (running[0] < needed[0] || (running[0] === needed[0] && running[1] < needed[1])) {
  console.error(
    "galatea needs Node.js " + needed.join(".") + " or newer; this is Node.js " + process.versions.node + " (" +
      process.execPath + ").\n" +
      "Run it with a newer one, without installing anything:\n" +
      "  npx -p node@24 galatea " + (process.argv.slice(2).join(" ") || "--help") + "\n" +
      "or install Node.js 24 from https://nodejs.org."
  )
  process.exit(1)
} else {
  var fs = process.getBuiltinModule("node:fs")
  var built = new URL("../dist/main.js", import.meta.url)
  // A checkout of the repository has no dist until it is built; its Node strips the types of the sources.
  import(fs.existsSync(built) ? built.href : new URL("../src/main.ts", import.meta.url).href)
}
