/** A file of API keys for tests on real sockets. */
import { Effect, type Scope } from "effect"
import { hash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConfiguredAccess from "../../../src/layers/access/ConfiguredAccess.ts"
import type { AccessFailed } from "../../../src/schema/Errors.ts"
import * as Child from "../cli/Child.ts"

/** The entry of a key whose text is `key of ‹id›`. */
export const entry = (
  id: string,
  models: ReadonlyArray<string>,
  verbs: ReadonlyArray<string>,
  more: Readonly<Record<string, unknown>> = {}
) => ({ id, hash: `sha256:${hash("sha256", textOf(id), "hex")}`, scopes: [{ models, verbs }], ...more })

export const textOf = (id: string): string => `key-of-${id}`

export const bearer = (id: string): Record<string, string> => ({ authorization: `Bearer ${textOf(id)}` })

export const apiKey = (id: string): Record<string, string> => ({ "x-api-key": textOf(id) })

/** `all` may do everything, `other` everything with another model, `reader` reads `echo`, `ended` has expired. */
export const common = [
  entry("all", ["*"], ["infer", "read", "admin"]),
  entry("other", ["other*"], ["infer", "read", "admin"]),
  entry("reader", ["echo"], ["read"]),
  entry("ended", ["*"], ["infer"], { expires: "2001-01-01T00:00:00Z" })
]

/** A file in a folder of its own. */
export const fileOf = (entries: ReadonlyArray<unknown> = common): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(Child.folder({}), (folder) => {
    const file = join(folder, "keys.json")
    writeFileSync(file, JSON.stringify({ keys: entries }))
    return file
  })

/** Builds something that asks for access as the options say. */
export const guarded = <A, E, R>(
  options: ConfiguredAccess.Options,
  built: Effect.Effect<A, E, R>
): Effect.Effect<A, E | AccessFailed, R> => Effect.provide(built, ConfiguredAccess.layer(options))
