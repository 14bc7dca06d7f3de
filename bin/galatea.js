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
  collectSooner()
  returnMemory()
  var fs = process.getBuiltinModule("node:fs")
  var built = new URL("../dist/bin/main.js", import.meta.url)
  if (fs.existsSync(built)) {
    import("./CompileCache.js").then(function(cache) {
      cache.use(built.href, process.argv[2] === "serve" ? "serve" : "command")
      return import(built.href)
    })
  } else {
    // A checkout of the repository has no dist until it is built; its Node strips the types of the sources.
    import(new URL("../src/main.ts", import.meta.url).href)
  }
}

// On a machine with much memory Node lets its heap grow to four times what is in use before it looks for garbage. A server that is busy
// makes little that outlives a request, and looks often enough at half as much again.
//
// The engine also notes which places of the code make objects that live long, and has them made among the old ones from then on. It
// judges by what it has seen, which is the start of the server: requests that come to such a place make old garbage, which keeps
// all that it refers to alive. Some processes became half as slow again by that, for as long as they lived.
function collectSooner() {
  if (process.argv[2] !== "serve") return
  var v8 = process.getBuiltinModule("node:v8")
  if (!isGiven("--heap-growing-percent")) v8.setFlagsFromString("--heap-growing-percent=50")
  if (!isGiven("allocation-site-pretenuring")) v8.setFlagsFromString("--no-allocation-site-pretenuring")
}

// Whether whoever started this process has set a flag of the engine, which may have underscores.
function isGiven(flag) {
  var given = (process.env["NODE_OPTIONS"] || "") + " " + process.execArgv.join(" ")
  return given.replace(/_/g, "-").indexOf(flag) !== -1
}

// What a process reads only when it begins, so the process begins again, under the same id. Whoever has settings of their own keeps
// them.
//
// The C library of Linux keeps blocks of up to 32 MB for itself once it has seen them freed, in pieces that other models do not fit
// into, and such pieces in a place of their own for every few threads. With a fixed threshold and two places what an unloaded model or a
// large tensor leaves goes back to the system.
//
// What a model computes with is many megabytes, read from beginning to end in every run. In large pages the processor finds it sooner:
// the library asks for them where the system gives them to whoever asks.
//
// Node lets young objects take up to 128 MB before it looks which of them are garbage. Nearly all are: requests leave nothing behind,
// and 16 MB are collected as cheaply.
function returnMemory() {
  var given = process.env
  var own = given["GLIBC_TUNABLES"] !== undefined ||
    Object.keys(given).some(function(name) {
      return name.startsWith("MALLOC_")
    })
  var young = isGiven("-semi-space-size") ? [] : ["--max-semi-space-size=8"]
  if (process.platform !== "linux" || process.argv[2] !== "serve" || process.execve === undefined) return
  if (own && young.length === 0) return
  // Node refuses under its permission model, and then serving matters more.
  if (process.permission !== undefined && !process.permission.has("child")) return
  var settings = own ? {} : {
    GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
    MALLOC_ARENA_MAX: "2",
    MALLOC_MMAP_THRESHOLD_: "1048576",
    MALLOC_TRIM_THRESHOLD_: "4194304"
  }
  var words = [process.execPath].concat(process.execArgv, young, process.argv.slice(1))
  process.execve(process.execPath, words, Object.assign({}, given, settings))
}
