/** Decides where the instances of a model run: measures it where it might run on the main thread. */
import { Effect } from "effect"
import { statSync } from "node:fs"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import * as InstanceParameters from "../../../../schema/InstanceParameters.ts"
import type { Isolation, ModelPlan } from "../../../../services/Executor.ts"
import type { LookThread } from "../look/LookThread.ts"
import type { NativeSettings } from "../Mailbox.ts"
import * as Eligibility from "./Eligibility.ts"
import { defaults, type InlineOptions } from "./InlineOptions.ts"
import type { InputBound } from "./RunBounds.ts"

/** Models whose files are larger are not measured: opening them takes longer than any bound. @category constants */
export const maxFileBytes: number = 16 * 1024 * 1024

/** Bytes of a file; 0 where there is none, which whoever opens it finds out. @category getters */
export const fileBytes = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** @category models */
export type Place =
  | {
    readonly _tag: "Inline"
    readonly runNanos: number
    /** How large the inputs of a run may be there. Absent: as large as they come. */
    readonly bounds: ReadonlyArray<InputBound> | undefined
  }
  /** Where it is to run otherwise, and why not on the main thread. */
  | { readonly _tag: "Thread"; readonly reason: string }

/** @category models */
export interface Placing {
  readonly bounds: Required<InlineOptions>
  /** Fails where a model has to run on the main thread and may not. */
  readonly place: (
    plan: ModelPlan,
    isolation: Exclude<Isolation, "thread" | "process">,
    settings: NativeSettings,
    refuse: (reason: string) => LoadFailed
  ) => Effect.Effect<Place, LoadFailed>
  /** An instance of it has died or had to leave the main thread: it never runs on the main thread any more. */
  readonly exclude: (plan: ModelPlan, reason: string) => void
}

/** Models that are remembered to have died. */
const maxExcluded = 10_000

/** The last that is no longer than `limit`, -1 where there is none. */
const largestWithin = (nanos: ReadonlyArray<number>, limit: number): number =>
  nanos.findLastIndex((one) => one <= limit)

const micros = (nanos: number): string => `${Math.round(nanos / 100) / 10} µs`

/** @category constructors */
export const make = (looks: LookThread, options: InlineOptions = {}): Placing => {
  const bounds = { ...defaults, ...options }
  const excluded = new Map<string, string>()
  const keyOf = ({ model, version }: ModelPlan) => `${version} ${model}`

  const judge = Effect.fnUntraced(function*(
    plan: ModelPlan,
    settings: NativeSettings,
    limit: number,
    refuse: (reason: string) => LoadFailed
  ) {
    const thread = (reason: string): Place => ({ _tag: "Thread", reason })
    const before = excluded.get(keyOf(plan))
    if (before !== undefined) return thread(before)
    const eligible = Eligibility.of(plan)
    if (typeof eligible === "string") return thread(eligible)
    if (fileBytes(plan.path) > maxFileBytes) return thread(`its file is larger than ${maxFileBytes} bytes`)
    const result = yield* Effect.result(looks.ask(
      {
        _tag: "Measure",
        path: plan.path,
        settings,
        inputs: eligible.inputs,
        outputs: plan.outputs.map(({ name }) => name),
        stopNanos: bounds.maxOpenNanos,
        ...(eligible.isBounded ? { limitNanos: limit } : {})
      },
      "Measured",
      refuse
    ))
    if (result._tag === "Failure") return thread(`it could not be measured: ${result.failure.message}`)
    const { openNanos, runNanos } = result.success.measured
    if (openNanos > bounds.maxOpenNanos) {
      return thread(
        `it takes ${micros(openNanos)} to open, of at most ${micros(bounds.maxOpenNanos)} (--inline-max-open-ms)`
      )
    }
    const chosen = eligible.isBounded ? largestWithin(runNanos, limit) : -1
    const longest = chosen === -1 ? Math.max(...runNanos.filter(Number.isFinite)) : runNanos[chosen]!
    if (longest > limit) {
      const option = limit === bounds.turnNanos ? "--inline-turn-microseconds" : "--inline-max-run-microseconds"
      return thread(`a run takes ${micros(longest)}, of at most ${micros(limit)} (${option})`)
    }
    const place: Place = {
      _tag: "Inline",
      runNanos: longest,
      bounds: chosen === -1 ? undefined : eligible.inputs.map((input) => Eligibility.boundOf(input, chosen))
    }
    return place
  })

  return {
    bounds,
    place: Effect.fnUntraced(function*(plan, isolation, settings, refuse) {
      const isAsked = isolation === "inline"
      const limit = isAsked ? Math.max(bounds.turnNanos, bounds.maxRunNanos) : bounds.maxRunNanos
      const place = yield* judge(plan, settings, limit, refuse)
      if (place._tag === "Inline" || !isAsked) return place
      return yield* refuse(
        `it cannot run on the main thread, which is asked for with 'inline': ${place.reason}. Let it run elsewhere: set ` +
          `${InstanceParameters.names.isolation}, or --model-isolation, to 'auto' or 'thread'`
      )
    }),
    exclude: (plan, reason) => {
      if (excluded.size < maxExcluded) excluded.set(keyOf(plan), reason)
    }
  }
}
