/** Writes otel/spans.md: `node otel/spans.ts`. */
import { writeFileSync } from "node:fs"
import { text } from "./spansTable.ts"

writeFileSync(new URL("spans.md", import.meta.url), text)
