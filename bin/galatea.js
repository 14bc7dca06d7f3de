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
  returnMemory()
  var fs = process.getBuiltinModule("node:fs")
  var built = new URL("../dist/bin/main.js", import.meta.url)
  // A checkout of the repository has no dist until it is built; its Node strips the types of the sources.
  import(fs.existsSync(built) ? built.href : new URL("../src/main.ts", import.meta.url).href)
}

// The C library of Linux keeps blocks of up to 32 MB for itself once it has seen them freed, in pieces that other models do not fit
// into. With a fixed threshold what an unloaded model leaves goes back to the system. It reads that only when a process begins, so
// the process begins again, under the same id. Whoever has settings of their own keeps them.
function returnMemory() {
  var given = process.env
  var own = given["MALLOC_MMAP_THRESHOLD_"] !== undefined || given["MALLOC_TRIM_THRESHOLD_"] !== undefined ||
    given["GLIBC_TUNABLES"] !== undefined
  if (process.platform !== "linux" || process.argv[2] !== "serve" || process.execve === undefined || own) return
  // Node refuses under its permission model, and then serving matters more.
  if (process.permission !== undefined && !process.permission.has("child")) return
  var settings = { MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_TRIM_THRESHOLD_: "4194304" }
  var words = [process.execPath].concat(process.execArgv, process.argv.slice(1))
  process.execve(process.execPath, words, Object.assign({}, given, settings))
}
