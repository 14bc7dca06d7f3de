/** Writes docs/proto out of the tables: `node test/schema/proto/writeProtoFiles.ts`. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { shipped } from "../../../src/schema/proto/ProtoFiles.ts"
import { printProtoFile } from "../../../src/schema/proto/ProtoPrinter.ts"

for (const file of shipped) {
  const path = fileURLToPath(new URL(`../../../docs/proto/${file.name}`, import.meta.url))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, printProtoFile(file))
}
