/** How the requests of a version become one batch and its result becomes their answers: computed once when it is loaded. */
import { Result } from "effect"
import type { Unsupported } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import type { ModelSignature } from "../../../schema/ModelSignature.ts"
import type { ExecutionResult, ModelPlan } from "../../../services/Executor.ts"
import type { Job } from "../../../services/Scheduler.ts"
import type { TensorMemory } from "../../../services/TensorMemory.ts"
import * as BatchKey from "./BatchKey.ts"
import * as BatchTensors from "./BatchTensors.ts"
import * as InputStack from "./InputStack.ts"
import * as OutputSplit from "./OutputSplit.ts"
import * as TensorRole from "./TensorRole.ts"

/** What one run takes. @category models */
export interface GatheredBatch {
  readonly inputs: ReadonlyArray<Tensor>
  /** Names of the outputs that at least one of the requests asks for. */
  readonly outputs: ReadonlyArray<string>
  readonly rows: number
  /** Frees the gathered inputs, after the run. */
  readonly release: () => void
}

/** What one request gets of a result. @category models */
export interface Part {
  /** In the order of the names in its job, without those that the model left out. */
  readonly outputs: ReadonlyArray<Tensor>
  readonly release: () => void
}

/** @category models */
export interface BatchLayout {
  /** `true`: a single request runs as it is. `false`: it too has to be gathered and scattered, whoever runs it. */
  readonly passesAlone: boolean
  /**
   * What decides whether requests may share a batch; `undefined` for a model whose requests always may. Computed once, when a
   * request arrives. It borrows the tensors of its job.
   */
  readonly keyOf: (job: Job) => BatchKey.BatchKey | undefined
  readonly sameKey: (a: BatchKey.BatchKey | undefined, b: BatchKey.BatchKey | undefined) => boolean
  /** Stacks the requests: at least one, with equal keys. The batch borrows what it did not have to copy. */
  readonly gather: (jobs: ReadonlyArray<Job>) => GatheredBatch
  /**
   * Each job's own part of the outputs that it asked for, in the order of the jobs. Parts are views of the result where possible;
   * the result is released when every part was. `Unsupported`: an output of the model has no part for each request; whose
   * failed has nothing to release.
   */
  readonly scatter: (
    jobs: ReadonlyArray<Job>,
    batch: GatheredBatch,
    result: ExecutionResult
  ) => ReadonlyArray<Result.Result<Part, Unsupported>>
}

/** @category models */
export interface Options {
  readonly config: ModelConfig
  readonly plan: ModelPlan
  readonly signature: ModelSignature
  readonly memory: TensorMemory["Service"]
}

export type { BatchKey } from "./BatchKey.ts"

const nothing = () => {}

/** The names that any job asks for. */
const union = (jobs: ReadonlyArray<Job>): ReadonlyArray<string> => {
  const first = jobs[0]!.outputs
  let names: Set<string> | undefined
  for (let i = 1; i < jobs.length; i++) {
    const { outputs } = jobs[i]!
    if (outputs === first) continue
    names ??= new Set(first)
    for (let o = 0; o < outputs.length; o++) names.add(outputs[o]!)
  }
  return names === undefined || names.size === first.length ? first : [...names]
}

const rowsOf = (jobs: ReadonlyArray<Job>): number => {
  let rows = 0
  for (let i = 0; i < jobs.length; i++) rows += jobs[i]!.batchSize
  return rows
}

/** Calls `release` at the last of `holders` calls of what it gives out; each holder's calls count once. */
const shared = (holders: number, release: () => void): () => () => void => {
  let left = holders
  return () => {
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--left === 0) release()
    }
  }
}

/** Names among which one is found by looking through them. */
const few = 16

/** The parts of the job at `index`, which asks for these outputs; `placeOf` finds them, and is absent where they stand as in the batch. */
const partOf = (
  asked: ReadonlyArray<string>,
  placeOf: ((name: string) => number) | undefined,
  parts: ReadonlyArray<OutputSplit.Parts | undefined>,
  index: number,
  release: () => void
): Result.Result<Part, Unsupported> => {
  const outputs: Array<Tensor> = []
  for (let o = 0; o < asked.length; o++) {
    const part = parts[placeOf === undefined ? o : placeOf(asked[o]!)]
    if (part === undefined) continue
    if (Result.isFailure(part)) {
      release()
      return Result.fail(part.failure)
    }
    outputs.push(part.success[index]!)
  }
  return Result.succeed({ outputs, release })
}

/** The layout of a version. @category constructors */
export const make = ({ config, memory, signature }: Options): BatchLayout => {
  const inputRoles = TensorRole.inputs(config, signature)
  const outputRoles = new Map(
    TensorRole.outputs(config, signature, inputRoles).map((role) => [role.name, role] as const)
  )
  const batchTensors = BatchTensors.make(config, inputRoles)
  const passesAlone = batchTensors.length === 0 && config.batch_output.length === 0 &&
    inputRoles.every(({ kind }) => kind !== "ragged")

  const gather = (jobs: ReadonlyArray<Job>): GatheredBatch => {
    const rows = rowsOf(jobs)
    if (jobs.length === 1 && passesAlone) {
      const { inputs, outputs } = jobs[0]!
      return { inputs, outputs, rows, release: nothing }
    }
    const { inputs, release } = InputStack.stack(memory, inputRoles, batchTensors, jobs)
    return { inputs, outputs: union(jobs), rows, release }
  }

  const scatter = (
    jobs: ReadonlyArray<Job>,
    batch: GatheredBatch,
    result: ExecutionResult
  ): ReadonlyArray<Result.Result<Part, Unsupported>> => {
    if (jobs.length === 1 && passesAlone) return [Result.succeed({ outputs: result.outputs, release: result.release })]
    const names = batch.outputs
    const parts = new Array<OutputSplit.Parts | undefined>(names.length)
    const complete = result.outputs.length === names.length
    for (let o = 0; o < names.length; o++) {
      const name = names[o]!
      const tensor = complete ? result.outputs[o] : result.outputs.find((output) => output.name === name)
      parts[o] = tensor === undefined ? undefined : OutputSplit.split(outputRoles.get(name)!, tensor, jobs)
    }
    const places = names.length > few ? new Map(names.map((name, place) => [name, place])) : undefined
    const placeOf = (name: string) => places === undefined ? names.indexOf(name) : places.get(name) ?? -1
    const hold = shared(jobs.length, result.release)
    const shares = new Array<Result.Result<Part, Unsupported>>(jobs.length)
    for (let i = 0; i < jobs.length; i++) {
      const asked = jobs[i]!.outputs
      shares[i] = partOf(asked, asked === names ? undefined : placeOf, parts, i, hold())
    }
    return shares
  }

  return {
    passesAlone,
    keyOf: signature.maxBatchSize === 0 ? () => undefined : BatchKey.keyOf(signature, inputRoles),
    sameKey: BatchKey.sameKey,
    gather,
    scatter
  }
}
