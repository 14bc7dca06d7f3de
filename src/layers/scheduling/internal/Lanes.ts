/**
 * The execution instances that are lent to one scheduler, for as long as it is open.
 *
 * Each lane is a fiber that holds a permit and an instance of the pool until the instance is lost or the scheduler closes. What
 * happens for a request is plain function calls: a lane is chosen, and says when it can take more.
 *
 * An instance whose runs are shorter than the wake-up of its thread takes several at once, so that one wake-up serves them all. They
 * still run one at a time; what has not begun can be withdrawn, and goes to another lane when that is idle.
 */
import { Cause, Effect, Exit, Option, type Scope } from "effect"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, Instances, LentInstance, RunFailure, StartedRun } from "../../../services/Executor.ts"
import { LaneLine } from "./LaneLine.ts"

type Done = (exit: Exit.Exit<ExecutionResult, RunFailure>) => void

interface Lane {
  readonly instance: LentInstance
  /** `false` once the instance went back to the pool. */
  lent: boolean
  /** Stands in line for its turn, or has it. */
  asked: boolean
  /** In order; the first one runs. */
  readonly runs: Array<LaneRun>
  /** It takes no more: called when its last run has ended. */
  left: (() => void) | undefined
}

interface LaneRun {
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
  /** Requests in it. */
  readonly requests: number
  readonly begun: (instance: LentInstance) => void
  readonly done: Done
  lane: Lane | undefined
  started: StartedRun | undefined
}

/** @category models */
export interface Lanes {
  /** An instance runs nothing. */
  readonly idle: () => boolean
  /** An instance runs nothing, and nobody has asked for its turn in vain. */
  readonly free: () => boolean
  /** How many instances run nothing. */
  readonly spare: () => number
  /** Runs are of late shorter than the wake-up of an instance. */
  readonly quick: () => boolean
  /** An instance runs something. */
  readonly busy: () => boolean
  /** One more run may be started: an instance is idle, or its runs are short. */
  readonly accepts: () => boolean
  /** One more run may be started although an instance is busy with one: to be put together meanwhile, and to lie ready. */
  readonly acceptsAhead: () => boolean
  /** Instances wait for their turn: none is idle before, and what it is to run must have been asked for with `want`. */
  readonly takesTurns: () => boolean
  /**
   * So many runs would begin if they could: that many instances ask for a turn, as soon as they run nothing. Each start takes one
   * away; turns beyond it are given back. Where no turns are taken it does nothing.
   */
  readonly want: (runs: number) => void
  /** Instances that run something, and requests in runs that lie ready behind those. */
  readonly load: () => { readonly running: number; readonly ready: number }
  /**
   * Starts a run; calling it while neither kind of acceptance is given is a bug. When it has ended, `onIdle` of `make` comes first, so that the instance
   * works on while `done` gives the answer away. `begun` tells when it is the turn of the run. `InstanceLost` with `begun: false`: it may be started again.
   */
  readonly start: (
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>,
    requests: number,
    begun: (instance: LentInstance) => void,
    done: Done
  ) => StartedRun
}

/** A run that failed because its instance was lost. @category getters */
export const isLost = (exit: Exit.Exit<unknown, RunFailure>): boolean =>
  Exit.isFailure(exit) && Option.getOrUndefined(Cause.findErrorOption(exit.cause))?._tag === "InstanceLost"

/** A run that failed because its instance was lost before it came to it. @category getters */
export const isNotBegun = (exit: Exit.Exit<unknown, RunFailure>): boolean => {
  if (Exit.isSuccess(exit)) return false
  const failure = Cause.findErrorOption(exit.cause)
  return Option.isSome(failure) && failure.value._tag === "InstanceLost" && !failure.value.begun
}

/**
 * Takes every instance. `onIdle` is called whenever one can take more: at first, after each run, and when one is back that was
 * lost. The scope gives the instances back; whatever runs must have ended by then.
 *
 * @category constructors
 */
export const make = (instances: Instances, onIdle: () => void): Effect.Effect<Lanes, never, Scope.Scope> =>
  Effect.gen(function*() {
    const lanes: Array<Lane> = []
    const line = new LaneLine(lanes, onIdle)
    let turns = false
    let running = 0
    let started = 0

    const begin = (lane: Lane, run: LaneRun) => {
      run.lane = lane
      if (lane.runs.push(run) === 1) {
        running++
        run.begun(lane.instance)
      }
      run.started = lane.instance.start(run.inputs, run.outputs, (exit) => end(lane, run, exit))
    }

    const end = (lane: Lane, run: LaneRun, exit: Exit.Exit<ExecutionResult, RunFailure>) => {
      run.lane = undefined
      started--
      const { runs } = lane
      const first = runs[0] === run
      if (first) runs.shift()
      else runs.splice(runs.indexOf(run), 1)
      if (runs.length === 0) emptied(lane)
      else if (first && !isLost(exit)) runs[0]!.begun(lane.instance)
      // Its loss is being told: until then nothing may be tried on it again and again.
      if (isNotBegun(exit)) retire(lane)
      rest(lane)
      run.done(exit)
    }

    /** A lane has no run any more; one that leaves is not counted since then. */
    const emptied = (lane: Lane) => {
      if (lane.left === undefined) running--
      else lane.left()
    }

    /** Takes a run that has not begun away from its lane. */
    const withdraw = (run: LaneRun): boolean => {
      if (run.lane === undefined || run.started?.withdraw() !== true) return false
      const { runs } = run.lane
      runs.splice(runs.indexOf(run), 1)
      if (runs.length === 0) emptied(run.lane)
      run.lane = undefined
      return true
    }

    /** A lane can take more. Those that are left idle relieve others of what lies ready there. */
    const rest = (lane: Lane) => {
      if (!lane.lent) return
      if (turns) line.balance()
      onIdle()
      if (started <= running) return
      for (let i = 0; i < lanes.length && running < lanes.length; i++) {
        const idle = lanes[i]!
        const ready = idle.runs.length > 0 ? undefined : takeReady()
        if (ready !== undefined) begin(idle, ready)
      }
    }

    /** Takes a run away from the lane where it lies ready. */
    const takeReady = (): LaneRun | undefined => {
      for (const { runs } of lanes) {
        for (let i = 1; i < runs.length; i++) {
          const run = runs[i]!
          if (withdraw(run)) return run
        }
      }
      return undefined
    }

    const retire = (lane: Lane) => {
      if (!lane.lent) return
      lane.lent = false
      lanes.splice(lanes.indexOf(lane), 1)
      if (lane.asked) lane.instance.turn?.drop()
      if (turns) line.balance()
    }

    /** Takes no more runs on a lane, and waits for those that it has. */
    const leave = (lane: Lane): Effect.Effect<void> =>
      Effect.callback((resume) => {
        if (!lane.lent) return resume(Effect.void)
        retire(lane)
        if (lane.runs.length === 0) return resume(Effect.void)
        running--
        lane.left = () => resume(Effect.void)
      })

    const mayBegin = ({ instance: { turn } }: Lane) => turn === undefined || turn.isGranted()

    const choose = (): Lane | undefined => {
      let chosen: Lane | undefined
      for (let i = 0; i < lanes.length; i++) {
        const lane = lanes[i]!
        const length = lane.runs.length
        if (length === 0 && (!turns || mayBegin(lane))) return lane
        if (
          !turns &&
          (chosen === undefined || length < chosen.runs.length) && lane.instance.quick() && lane.instance.accepts()
        ) chosen = lane
      }
      return chosen
    }

    const chooseAhead = (): Lane | undefined => {
      if (turns) return undefined
      let chosen: Lane | undefined
      for (let i = 0; i < lanes.length; i++) {
        const { instance, runs } = lanes[i]!
        if (chosen !== undefined && runs.length >= chosen.runs.length) continue
        if ((runs.length === 1 || instance.quick()) && instance.accepts()) chosen = lanes[i]
      }
      return chosen
    }

    const hold = Effect.flatMap(instances.lend, (instance) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const lane: Lane = { instance, lent: true, asked: false, runs: [], left: undefined }
          lanes.push(lane)
          if (instance.turn !== undefined) turns = true
          rest(lane)
          return lane
        }),
        (lane) =>
          instance.retiring === undefined
            ? instance.lost
            : Effect.raceFirst(instance.lost, Effect.andThen(instance.retiring, leave(lane))),
        (lane) => Effect.sync(() => retire(lane))
      ))
    const lane = instances.slots.withPermit(Effect.scoped(hold))
    for (let i = 0; i < instances.count; i++) {
      yield* Effect.forkScoped(Effect.forever(lane), { startImmediately: true })
    }

    /** One runs nothing, and may begin or, where `unasked` ones count, has not asked for its turn. */
    const isOneIdle = (unasked: boolean): boolean => {
      if (running >= lanes.length) return false
      for (let i = 0; i < lanes.length; i++) {
        const lane = lanes[i]!
        if (lane.runs.length === 0 && ((unasked && !lane.asked) || mayBegin(lane))) return true
      }
      return false
    }

    const spare = () => {
      let count = 0
      for (const { runs } of lanes) if (runs.length === 0) count++
      return count
    }

    return {
      spare,
      takesTurns: () => turns,
      want: (runs) => {
        if (turns) line.want(runs)
      },
      idle: () => isOneIdle(false),
      free: () => isOneIdle(true),
      quick: () => lanes[0]?.instance.quick() === true,
      busy: () => running > 0,
      accepts: () => choose() !== undefined,
      acceptsAhead: () => chooseAhead() !== undefined,
      load: () => {
        let ready = 0
        if (started > running) {
          for (const lane of lanes) for (let i = 1; i < lane.runs.length; i++) ready += lane.runs[i]!.requests
        }
        return { running, ready }
      },
      start: (inputs, outputs, requests, begun, done) => {
        const run: LaneRun = { inputs, outputs, requests, begun, done, lane: undefined, started: undefined }
        started++
        const lane = (choose() ?? chooseAhead())!
        if (turns) line.used(lane)
        begin(lane, run)
        return {
          withdraw: () => {
            if (!withdraw(run)) return false
            started--
            return true
          }
        }
      }
    }
  })
