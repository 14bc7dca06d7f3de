/**
 * What has become of the tensors of one request: their values, whose memory they lie in, and what may run next.
 *
 * The answer of a step is given back when the last step that reads of it is over, unless outputs of the ensemble lie in it.
 */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import type { InferenceResponse, Tensor } from "../../../schema/Inference.ts"
import type { EnsemblePlan, PlannedStep } from "../EnsemblePlan.ts"
import type { Selection } from "./Selection.ts"

/** A tensor that is not there, because a model or the client left it out. @category constants */
export const absent: Tensor = { name: "", datatype: "BOOL", shape: [], data: new Uint8Array(0) }
/** A tensor that is not there, because the step that writes it was skipped. @category constants */
export const skipped: Tensor = { ...absent }

/** There is a value. @category guards */
export const isPresent = (value: Tensor | undefined): value is Tensor =>
  value !== undefined && value !== absent && value !== skipped

/** @category models */
export class Board {
  /** `undefined` until a tensor is settled. */
  readonly values: Array<Tensor | undefined>
  /** The dimension of each value that carries the batch. */
  readonly axes: Array<number>
  /** Steps that may run, in the order in which they came to that. */
  readonly ready: Array<PlannedStep> = []
  private readonly missing: Array<number>
  private readonly holders: Array<number>
  private readonly answers: Array<InferenceResponse | undefined>
  private readonly plan: EnsemblePlan
  private readonly selection: Selection

  constructor(plan: EnsemblePlan, selection: Selection) {
    this.plan = plan
    this.selection = selection
    this.values = new Array<Tensor | undefined>(plan.tensors.length).fill(undefined)
    this.axes = new Array<number>(plan.tensors.length).fill(BatchAxis.none)
    this.missing = plan.steps.map(({ reads }) => reads.length)
    this.holders = selection.holders.slice()
    this.answers = new Array<InferenceResponse | undefined>(plan.steps.length).fill(undefined)
  }

  /** A tensor has its value, or is not there. */
  settle(tensor: number, value: Tensor, axis: number): void {
    this.values[tensor] = value
    this.axes[tensor] = axis
    const readers = this.selection.readers[tensor]!
    for (let i = 0; i < readers.length; i++) {
      const reader = readers[i]!
      if (--this.missing[reader]! === 0) this.ready.push(this.plan.steps[reader]!)
    }
  }

  /** The tensors of a step lie in this answer, which is the board's from now on. */
  hold({ index }: PlannedStep, answer: InferenceResponse): void {
    this.answers[index] = answer
  }

  /** A step needs what it has read no more. */
  over({ sources }: PlannedStep): void {
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!
      if (--this.holders[source]! === 0) this.release(source)
    }
  }

  /** Hands over the memory under the outputs of the ensemble: to be released once. */
  takeBacking(): () => void {
    const { backing } = this.selection
    if (backing.length === 1) {
      const answer = this.answers[backing[0]!]
      this.answers[backing[0]!] = undefined
      return answer === undefined ? nothing : answer.release
    }
    const taken = backing.map((step) => this.answers[step])
    for (const step of backing) this.answers[step] = undefined
    return () => {
      for (const answer of taken) answer?.release()
    }
  }

  /** Gives back all that is still held. */
  releaseAll(): void {
    for (let step = 0; step < this.answers.length; step++) this.release(step)
  }

  private release(step: number): void {
    const answer = this.answers[step]
    if (answer === undefined) return
    this.answers[step] = undefined
    answer.release()
  }
}

const nothing = () => {}
