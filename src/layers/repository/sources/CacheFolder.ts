/**
 * The folder that keeps files of models from other machines. Several servers may share it, also those that run at the same
 * time: each has a part of its own for what it opens and fetches, and adds to what is common in single steps.
 *
 * - `blobs/‹sha-256›`: contents of files, never changed.
 * - `identities/‹sha-256 of an identity›-‹sha-256›`: which contents a file of a store had, in the name alone.
 * - `listings/‹sha-256 of a root›.json`: what a root held when it last answered.
 * - `sessions/‹host›.‹process›.‹number›`: what one server has open. Others remove it when that server is gone.
 */
import { Clock, Effect, FileSystem, Path, Schedule, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { PollFailed } from "../../../schema/Errors.ts"
import type * as Directory from "../internal/Directory.ts"
import * as DiskFailure from "./DiskFailure.ts"

/** @category models */
export interface CacheFolder {
  /** Absolute path of the folder. */
  readonly folder: string
  readonly blobs: string
  readonly identities: string
  readonly listings: string
  /** This server's own part; it goes with the scope. */
  readonly session: string
}

/** Form of what lies in the folder: another one gets a folder of its own. */
const format = "v1"

const privateMode = 0o700
const heartbeatMillis = 60_000
/** Three missed beats: a process of this host that is not there is gone. */
const goneMillis = 3 * heartbeatMillis
/** Clocks of hosts may differ, and another host's processes cannot be looked for. */
const lostMillis = 60 * heartbeatMillis

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process is one too.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const host = hostname().replaceAll(/[^A-Za-z0-9-]/g, "-").slice(0, 100)

/** Makes the folder, which must be this user's alone: whoever can write there decides what models do. */
const prepare = Effect.fnUntraced(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const failed = DiskFailure.make(folder, "make folders")
  yield* Effect.mapError(fs.makeDirectory(folder, { recursive: true, mode: privateMode }), failed)
  const info = yield* Effect.mapError(fs.stat(folder), failed)
  const user = process.getuid?.()
  const owner = info.uid._tag === "Some" ? info.uid.value : undefined
  if (user !== undefined && owner !== undefined && owner !== user) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `the cache folder '${folder}' belongs to user ${owner}, and this server runs as user ${user}: ` +
        "name another folder with --repository-cache-directory"
    })
  }
  if (user !== undefined && (info.mode & 0o022) !== 0) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `other users may write in the cache folder '${folder}', and so could change models: ` +
        `take that away with 'chmod 700 ${folder}', or name another folder with --repository-cache-directory`
    })
  }
  return undefined
})

/** Removes the parts of servers that are gone. */
const sweep = Effect.fnUntraced(function*(sessions: string, own: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const now = yield* Clock.currentTimeMillis
  for (const name of yield* fs.readDirectory(sessions)) {
    const [owner, pid] = name.split(".")
    const at = path.join(sessions, name)
    if (at === own) continue
    const info = yield* Effect.option(fs.stat(at))
    if (info._tag === "None" || info.value.mtime._tag === "None") continue
    const age = now - info.value.mtime.value.getTime()
    if (age > lostMillis || (age > goneMillis && owner === host && !isRunning(Number(pid)))) {
      yield* Effect.ignore(fs.remove(at, { recursive: true, force: true }))
    }
  }
}, (effect) => Effect.ignore(effect))

/**
 * Makes the folder where there is none, and a part of its own for this server.
 *
 * Errors: `PollFailed` where that cannot be done, and for a folder that others can write to.
 *
 * @category constructors
 */
export const make = Effect.fn("CacheFolder.make")(
  function*(directory: string): Effect.fn.Return<CacheFolder, PollFailed, Directory.Services | Scope.Scope> {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = path.join(path.resolve(directory), format)
    yield* prepare(folder)
    const within = (name: string) => path.join(folder, name)
    const sessions = within("sessions")
    const number = randomBytes(6).toString("hex")
    const made: CacheFolder = {
      folder,
      blobs: within("blobs"),
      identities: within("identities"),
      listings: within("listings"),
      session: path.join(sessions, `${host}.${process.pid}.${number}`)
    }
    for (const at of [made.blobs, made.identities, made.listings, sessions]) {
      yield* fs.makeDirectory(at, { recursive: true, mode: privateMode }).pipe(
        Effect.mapError(DiskFailure.make(folder, "make folders"))
      )
    }
    const beat = Effect.gen(function*() {
      const now = (yield* Clock.currentTimeMillis) / 1000
      yield* Effect.ignore(fs.utimes(made.session, now, now))
      yield* sweep(sessions, made.session)
    })
    yield* Effect.acquireRelease(
      Effect.mapError(fs.makeDirectory(made.session, { mode: privateMode }), DiskFailure.make(folder, "make folders")),
      () => Effect.ignore(fs.remove(made.session, { recursive: true, force: true }))
    )
    yield* beat
    yield* Effect.forkScoped(Effect.repeat(beat, Schedule.spaced(heartbeatMillis)))
    return made
  }
)
