/** The answers to the parts of steps, until all of a step are there. */
import type { InferenceResponse } from "../../../schema/Inference.ts"
import type { PlannedStep } from "../EnsemblePlan.ts"

interface Collection {
  left: number
  readonly answers: Array<InferenceResponse | undefined>
}

/** @category models */
export class PartAnswers {
  private readonly collections = new Map<number, Collection>()

  /** Keeps the answer to one of `count` parts; gives all in the order of the parts once the last is there. */
  add(
    { index }: PlannedStep,
    count: number,
    part: number,
    answer: InferenceResponse
  ): ReadonlyArray<InferenceResponse> | undefined {
    let collection = this.collections.get(index)
    if (collection === undefined) {
      collection = { left: count, answers: new Array<InferenceResponse | undefined>(count).fill(undefined) }
      this.collections.set(index, collection)
    }
    collection.answers[part] = answer
    return --collection.left > 0 ? undefined : collection.answers as ReadonlyArray<InferenceResponse>
  }

  /** Gives the answers of a step back. */
  release({ index }: Pick<PlannedStep, "index">): void {
    const collection = this.collections.get(index)
    this.collections.delete(index)
    for (const answer of collection?.answers ?? []) answer?.release()
  }

  /** Gives all back. */
  releaseAll(): void {
    for (const index of this.collections.keys()) this.release({ index })
  }
}
