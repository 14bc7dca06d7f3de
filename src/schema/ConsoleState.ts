/** What the console shows of a server at one moment. All counts are since a version was loaded. */
import type { Flow } from "./Flow.ts"

/** What the console asks for: each part obeys the restriction of an API of its own. @category models */
export const consoleParts = ["server", "models", "figures", "flows"] as const
/** @category models */
export type ConsolePart = (typeof consoleParts)[number]

/** How requests get to the instances of a model. @category models */
export type SchedulingKind = "direct" | "dynamic" | "sequence" | "ensemble"

/** What is known of a version that is loaded. @category models */
export interface LoadedModel {
  readonly platform: string
  /** 0: it does not batch. */
  readonly maxBatchSize: number
  /** 0: it has none of its own. */
  readonly instances: number
  /** Another one each time that the version is loaded. */
  readonly load: number
  readonly scheduling: SchedulingKind
  /** At least one of its instances is up. */
  readonly healthy: boolean
}

/** A row of the repository index. @category models */
export interface ConsoleModel {
  readonly name: string
  /** Decimal. Absent: it was never loaded. */
  readonly version?: string | undefined
  readonly state?: string | undefined
  readonly reason?: string | undefined
  /** Absent: it takes no requests now, or loads when it is asked for. */
  readonly loaded?: LoadedModel | undefined
  /** It loads when it is asked for, and is not loaded now. */
  readonly onDemand: boolean
}

/** What was counted for a version. @category models */
export interface ConsoleFigures {
  readonly model: string
  /** Decimal. */
  readonly version: string
  readonly succeeded: number
  readonly failed: number
  /** Turned away: its queue was full, or it was being unloaded. */
  readonly refused: number
  /** Turned away: it takes no such request. */
  readonly invalid: number
  /** Rows of the requests that succeeded by a run. */
  readonly rows: number
  readonly executions: number
  readonly cacheHits: number
  /** Requests that were run once more, since their instance was lost. */
  readonly retried: number
  /** Instances that were lost. */
  readonly lost: number
  /** At this moment. */
  readonly waiting: number
  /** At this moment. */
  readonly running: number
  /** At this moment. Absent: it has none. */
  readonly sequences?: { readonly live: number; readonly waiting: number; readonly slots: number } | undefined
  /** Requests that succeeded, by `ConsoleState.boundsMillis`, and one more for those beyond. */
  readonly durations: ReadonlyArray<number>
  /** Microseconds of all requests that succeeded. */
  readonly micros: {
    readonly request: number
    readonly queue: number
    readonly input: number
    readonly infer: number
    readonly output: number
  }
}

/** @category models */
export interface ConsoleServer {
  readonly name: string
  readonly version: string
  readonly ready: boolean
  /** Milliseconds since 1970. */
  readonly startedAtMillis: number
}

/** Absent parts were not asked for. @category models */
export interface ConsoleState {
  /** Milliseconds since 1970. */
  readonly atMillis: number
  readonly server?: ConsoleServer | undefined
  /** By name and version. */
  readonly models?: ReadonlyArray<ConsoleModel> | undefined
  /** Models that are left out, because there are too many. */
  readonly omittedModels?: number | undefined
  readonly figures?: ReadonlyArray<ConsoleFigures> | undefined
  /** Upper bounds of `ConsoleFigures.durations`. */
  readonly boundsMillis?: ReadonlyArray<number> | undefined
  /** Oldest first. */
  readonly flows?: ReadonlyArray<Flow> | undefined
  /** See `RecentFlowsState.mark`. */
  readonly flowMark?: string | undefined
}

/** What this request may not have, and the header that it lacks. @category models */
export interface RestrictedPart {
  /** `inference`: requests that the page sends itself. */
  readonly part: ConsolePart | "inference"
  readonly header: string
}

/** The answer to the page. @category models */
export interface ConsoleAnswer extends ConsoleState {
  readonly restricted: ReadonlyArray<RestrictedPart>
}
