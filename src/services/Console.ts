/**
 * The page that shows the server to whoever opens it in a browser.
 *
 * Upstream: the HTTP front end. Downstream: `InferenceServer`, `Statistics`, `RecentFlows`.
 */
import { Context, type Effect } from "effect"
import type { ConsolePart, ConsoleState } from "../schema/ConsoleState.ts"

/** A file of the page. @category models */
export interface ConsoleFile {
  /** In the page's folder; `""`: the page itself. */
  readonly name: string
  /** A Content-Type. */
  readonly type: string
  /** A file that cannot be read is a defect. */
  readonly content: Effect.Effect<Uint8Array>
}

/** @category models */
export interface ConsoleSource {
  readonly files: ReadonlyArray<ConsoleFile>
  /** Its size is bounded. `afterFlow`: flows up to this number are known. */
  readonly state: (options: {
    readonly parts: ReadonlySet<ConsolePart>
    readonly afterFlow: number
  }) => Effect.Effect<ConsoleState>
}

/** Without a service of its own a server has no console. @category services */
export const Console: Context.Reference<ConsoleSource | undefined> = Context.Reference<ConsoleSource | undefined>(
  "galatea/services/Console",
  { defaultValue: () => undefined }
)
