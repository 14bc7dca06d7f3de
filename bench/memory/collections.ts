/**
 * Writes down how long garbage collections stop the main thread of the process that is started with this as `--import`: one line of JSON
 * a second, the milliseconds of those since the line before, into the file that `GALATEA_COLLECTIONS` names.
 */
import { appendFileSync } from "node:fs"
import { PerformanceObserver } from "node:perf_hooks"
import { isMainThread } from "node:worker_threads"

const file = process.env["GALATEA_COLLECTIONS"]

if (isMainThread && file !== undefined && process.argv[2] === "serve") {
  let pauses: Array<number> = []
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration)
  }).observe({ entryTypes: ["gc"] })
  setInterval(() => {
    appendFileSync(file, `${JSON.stringify(pauses)}\n`)
    pauses = []
  }, 1000).unref()
}
