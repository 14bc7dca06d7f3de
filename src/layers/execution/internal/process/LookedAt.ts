/**
 * Processes that have looked at a model and wait for a while to be its first instance: to start one costs far more than to open a
 * model in it. Each is for the file that it has looked at and for no other, whatever a file may have done to it.
 */
import { Effect, type Scope } from "effect"
import type { HostProcess } from "./HostProcess.ts"

/** @category models */
export interface LookedAt {
  /** Keeps a process, which belongs to nobody else then. `false`: there is no room. */
  readonly keep: (path: string, host: HostProcess) => boolean
  /** One that has looked at this file; it is the caller's to close. */
  readonly take: (path: string) => HostProcess | undefined
}

/** As many models are loaded at once, unless somebody asks for more. */
const most = 4

/** How long one is kept for a model that is not opened. */
const keptMillis = 10_000

interface Kept {
  readonly host: HostProcess
  readonly late: NodeJS.Timeout
}

/** The scope ends those that are left. @category constructors */
export const make: Effect.Effect<LookedAt, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const kept = new Map<string, Kept>()
    const remove = (path: string): HostProcess | undefined => {
      const found = kept.get(path)
      if (found === undefined) return undefined
      clearTimeout(found.late)
      kept.delete(path)
      return found.host
    }
    return {
      keep: (path: string, host: HostProcess) => {
        if (kept.size >= most || kept.has(path) || host.isEnded) return false
        const late = setTimeout(() => remove(path)?.kill("it was only looked at"), keptMillis)
        late.unref()
        kept.set(path, { host, late })
        return true
      },
      take: (path: string) => {
        const host = remove(path)
        return host?.isEnded === true ? undefined : host
      },
      drop: Effect.suspend(() => {
        const hosts = [...kept.keys()].map((path) => remove(path)!)
        for (const host of hosts) host.kill("it was only looked at")
        return Effect.forEach(hosts, (host) => Effect.promise(() => host.ended), { discard: true })
      })
    }
  }),
  ({ drop }) => drop
)
