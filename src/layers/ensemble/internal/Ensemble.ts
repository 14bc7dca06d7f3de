/** What all requests of an open ensemble share. */
import type { Lookup } from "../../../services/ModelRepository.ts"
import type { EnsemblePlan, PlannedStep } from "../EnsemblePlan.ts"
import type { Place } from "./Fit.ts"
import type { InFlight } from "./InFlight.ts"
import type { Task } from "./Walk.ts"

/** @category models */
export interface Ensemble {
  readonly plan: EnsemblePlan
  readonly lookup: (name: string, version: string) => Lookup
  /** The dimension of each input that carries the batch, by name, as jobs have it. */
  readonly axes: ReadonlyMap<string, number>
  /** Where each output goes, by tensor. */
  readonly places: ReadonlyMap<number, Place>
  /** For each step the request to it, where it is asked once. */
  readonly tasks: ReadonlyArray<Task>
  /** For each step; `undefined` where nothing bounds them. */
  readonly inFlight: ReadonlyArray<InFlight> | undefined
  /** Requests that may wait for places of one step. */
  readonly maxQueueSize: number
  /** Monotonic nanoseconds. */
  readonly now: () => number
  /** Answers disagree about the sequence of a step. */
  readonly conflicting: (step: PlannedStep) => void
}
