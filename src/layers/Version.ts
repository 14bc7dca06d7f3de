/** Version of the package that this file belongs to. */
import { readFileSync } from "node:fs"

const read = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest &&
      typeof manifest.version === "string"
    ? manifest.version
    : "unknown"
}

/** As in package.json, which lies as far above `dist` as above `src`. @category getters */
export const current: string = read()
