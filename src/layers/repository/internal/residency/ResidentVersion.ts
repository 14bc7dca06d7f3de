/** One version that loads when it is asked for: where it stands, and what requests find of it meanwhile. */
import { type Clock, type Deferred, type Effect, type Fiber, Result, type Scope } from "effect"
import type { LoadFailed, ModelNotReady } from "../../../../schema/Errors.ts"
import type { Model, NotResident } from "../../../../services/ModelRepository.ts"
import type { BeginJob, Job } from "../../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import type { OnDemand } from "../LifecycleState.ts"
import * as Suspended from "../Suspended.ts"

/** A version to load when it is asked for. @category models */
export interface Source {
  readonly name: string
  readonly version: number
  /** Bytes of its files: as much is set aside for its first load, and no load of it counts as less. */
  readonly fileBytes: Effect.Effect<number, LoadFailed>
  /** Loads it; the scope closes it, after the work that it accepted. */
  readonly open: Effect.Effect<Model, LoadFailed, Scope.Scope>
  /** Its books, which stay open while it comes and goes. */
  readonly statistics: () => ModelStatistics | undefined
}

/** Uses of all versions so far. */
let uses = 0

/** @category models */
export class ResidentVersion implements OnDemand {
  readonly source: Source
  readonly name: string
  readonly version: number
  state: "absent" | "loading" | "resident" | "leaving" = "absent"
  model: Model | undefined = undefined
  /** Closes the model. */
  scope: Scope.Closeable | undefined = undefined
  /** Accounted now: set aside while it loads, measured after that. */
  bytes = 0
  /** What loading it took so far; `undefined` before the first load. */
  measured: number | undefined = undefined
  /** Number of its last use among those of all versions; 0: not used since it was loaded. */
  lastUse = 0
  /** Milliseconds since 1970 of the last use, or of the load. */
  lastUsedAt = 0
  /** `told`: to whoever waits for it. */
  failure: { readonly reason: string; readonly told: string; readonly at: number } | undefined = undefined
  /** The load in progress. */
  flight: { readonly done: Deferred.Deferred<void, ModelNotReady>; fiber?: Fiber.Fiber<void> } | undefined = undefined
  /** Requests that wait for it. */
  waiting = 0
  /** Done when it has left; while it leaves. */
  leaving: Deferred.Deferred<void> | undefined = undefined
  /** Unloaded, or replaced by another one. */
  closed = false
  private listener = (): void => {}
  private readonly absent: Result.Result<Model, NotResident>

  constructor(source: Source, load: (version: ResidentVersion) => Effect.Effect<void, ModelNotReady>) {
    this.source = source
    this.name = source.name
    this.version = source.version
    this.absent = Result.fail({
      _tag: "NotResident",
      message: `model '${this.name}' version ${this.version} is not in memory: it loads when it is asked for`,
      name: this.name,
      version: this.version,
      load: load(this),
      healthy: () => this.failure === undefined,
      statistics: source.statistics
    })
  }

  found(): Result.Result<Model, NotResident> {
    return this.model === undefined ? this.absent : Result.succeed(this.model)
  }

  observe(listener: () => void): void {
    this.listener = listener
  }

  /** Requests find the model from now on, whose uses are noted. */
  enter(model: Model, clock: Clock.Clock): void {
    const { scheduler } = model
    const { begin } = scheduler.submit
    const used = () => {
      this.lastUse = ++uses
      this.lastUsedAt = clock.currentTimeMillisUnsafe()
    }
    this.state = "resident"
    this.failure = undefined
    this.lastUse = 0
    this.lastUsedAt = clock.currentTimeMillisUnsafe()
    this.model = {
      ...model,
      scheduler: {
        ...scheduler,
        submit: Object.assign((job: Job) => {
          used()
          return scheduler.submit(job)
        }, {
          begin: begin && ((job: Job, answered: Parameters<BeginJob>[1]) => {
            used()
            return begin(job, answered)
          })
        })
      }
    }
    this.listener()
  }

  /** Requests find nothing from now on. */
  leave(): void {
    this.state = "leaving"
    this.model = undefined
    this.listener()
  }

  /** Nothing of it waits or runs, and nobody comes back for a sequence. */
  isIdle(): boolean {
    if (this.model === undefined) return false
    const { scheduler } = this.model
    const { running, waiting } = scheduler.depth()
    return running + waiting === 0 && (scheduler.sequences?.() ?? 0) === 0
  }

  status(): ReturnType<OnDemand["status"]> {
    if (this.state === "resident") {
      const ready = { state: "READY", reason: "" } as const
      return this.model === undefined ? ready : Suspended.statusOf(this.model, ready)
    }
    if (this.state === "loading") return { state: "LOADING", reason: "" }
    if (this.failure !== undefined) return { state: "UNAVAILABLE", reason: this.failure.reason }
    return { state: "READY", reason: "not in memory: loads when it is asked for" }
  }
}
