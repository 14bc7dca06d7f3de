/** A real Redis server on the loopback address, as Debian's package installs it. */
import { Effect, type Scope } from "effect"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import * as Child from "../cli/Child.ts"

/** Path of the program; `undefined` where it is not installed. */
export const program = process.env["PATH"]?.split(delimiter)
  .map((folder) => join(folder, "redis-server"))
  .find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

if (program === undefined) {
  process.stderr.write(
    "SKIPPED: no redis-server on PATH, so the response cache is not tested with Redis (apt-get install redis-server)\n"
  )
}

/** Starts it, keeping nothing on disk, and waits until it takes connections. The scope kills it. */
export const start = (
  port: number,
  words: ReadonlyArray<string> = []
): Effect.Effect<Child.Child, never, Scope.Scope> =>
  Effect.tap(
    Child.start(
      ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no", "--dir", "/tmp", ...words],
      { program: [program!] }
    ),
    (child) => child.printed(/Ready to accept connections/)
  )

/** Ends it at once, without a word to anybody. */
export const kill = (redis: Child.Child): Effect.Effect<void> =>
  Effect.suspend(() => {
    redis.process.kill("SIGKILL")
    return Effect.asVoid(redis.ended)
  })
