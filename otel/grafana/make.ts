/**
 * Writes the dashboard that is beside this file, or says that it is not what it should be.
 *
 *     node otel/grafana/make.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs"
import { dashboard } from "./dashboard.ts"

const file = new URL("galatea.json", import.meta.url)
const text = `${JSON.stringify(dashboard, undefined, 2)}\n`

if (!process.argv.includes("--check")) writeFileSync(file, text)
else if (readFileSync(file, "utf8") !== text) {
  process.stderr.write("otel/grafana/galatea.json is not what otel/grafana/make.ts writes: run it without --check\n")
  process.exitCode = 1
}
