/** The files of the page, as they lie beside this module. */
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import type { ConsoleFile } from "../../../services/Console.ts"

const folder = new URL("../page/", import.meta.url)

const types = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml"
} as const

const file = (path: string, type: keyof typeof types, name = path): ConsoleFile => ({
  name,
  type: types[type],
  content: Effect.promise(() => readFile(new URL(path, folder)))
})

/** @internal */
export const files: ReadonlyArray<ConsoleFile> = [
  file("index.html", "html", ""),
  file("style.css", "css"),
  file("icon.svg", "svg"),
  ...[
    "charts.js",
    "dom.js",
    "flows.js",
    "format.js",
    "history.js",
    "inputs.js",
    "intervals.js",
    "main.js",
    "models.js",
    "outputs.js",
    "plot.js",
    "ranking.js",
    "server.js",
    "tryit.js",
    "values.js",
    "waterfall.js"
  ].map((path) => file(path, "js"))
]
