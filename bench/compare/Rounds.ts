/** What the rounds of one cell say of two revisions. */
import * as SignedRank from "./SignedRank.ts"

/** One revision in one round. @category models */
export interface Side {
  readonly perSecond: number
  /** Microseconds of the server's processors for each request. */
  readonly micros: number
}

/** The first revision and the second in one round. @category models */
export type Round = readonly [first: Side, second: Side]

/** @category models */
export interface Verdict {
  /** How much more processor time a request takes in the second revision, as a logarithm. */
  readonly cost: SignedRank.Shift
  /** How many fewer requests the second revision answers in a second, as a logarithm. */
  readonly fall: SignedRank.Shift
  readonly costs: "more" | "less" | "the same"
  readonly answers: "fewer" | "more" | "as many"
}

/** Probability that a table says of one figure, in any of its cells, that it is worse where it is not; the same for better. */
const together = 0.01

/**
 * Says of each cell whether the second revision is worse or better by more than chance. All cells share the probability to be wrong.
 *
 * @category constructors
 */
export const verdicts = (cells: ReadonlyArray<ReadonlyArray<Round>>): ReadonlyArray<Verdict> => {
  const costs = cells.map((rounds) =>
    SignedRank.shift(rounds.map(([first, second]) => Math.log(second.micros / first.micros)))
  )
  const falls = cells.map((rounds) =>
    SignedRank.shift(rounds.map(([first, second]) => Math.log(first.perSecond / second.perSecond)))
  )
  const above = (shifts: ReadonlyArray<SignedRank.Shift>) =>
    SignedRank.significant(shifts.map((shift) => shift.above), together)
  const below = (shifts: ReadonlyArray<SignedRank.Shift>) =>
    SignedRank.significant(shifts.map((shift) => shift.below), together)
  const [more, less, fewer, moreAnswers] = [above(costs), below(costs), above(falls), below(falls)]
  return cells.map((_, i): Verdict => ({
    cost: costs[i]!,
    fall: falls[i]!,
    costs: more[i] ? "more" : less[i] ? "less" : "the same",
    answers: fewer[i] ? "fewer" : moreAnswers[i] ? "more" : "as many"
  }))
}

/** The fewest rounds that can say anything of so many cells. @category getters */
export const fewestRounds = (cells: number): number => Math.ceil(Math.log2(cells / together))
