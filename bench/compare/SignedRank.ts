/**
 * Wilcoxon's signed-rank test, exact, of a few paired rounds: whether their differences lie above zero by more than chance, and between
 * which bounds their middle lies. It takes nothing for granted but that a difference without cause is as often above as below zero,
 * so that one round in which the machine had something else to do cannot decide.
 */

/** @category models */
export interface Shift {
  /** The middle of the differences: Hodges and Lehmann's estimate. */
  readonly middle: number
  /** Bounds of the middle, at 95 %. With fewer than six rounds: the smallest and the greatest difference. */
  readonly low: number
  readonly high: number
  /** Probability of differences that lie so far above zero, or farther, without cause. */
  readonly above: number
  /** The same below zero. */
  readonly below: number
}

/** Twice the ranks of the sizes, so that those of equal sizes, which share their mean, are whole as well. */
const doubledRanks = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const order = values.map((_, i) => i).sort((a, b) => Math.abs(values[a]!) - Math.abs(values[b]!))
  const ranks = new Array<number>(values.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && Math.abs(values[order[to]!]!) === Math.abs(values[order[from]!]!)) to++
    for (let i = from; i < to; i++) ranks[order[i]!] = from + 1 + to
    from = to
  }
  return ranks
}

/** Of each sum of some of these ranks, how probable it is when each is taken by chance, one time in two. */
const distribution = (ranks: ReadonlyArray<number>): Float64Array => {
  const chances = new Float64Array(ranks.reduce((sum, rank) => sum + rank, 0) + 1)
  chances[0] = 1
  let most = 0
  for (const rank of ranks) {
    most += rank
    for (let sum = most; sum >= 0; sum--) {
      chances[sum] = (chances[sum]! + (sum >= rank ? chances[sum - rank]! : 0)) / 2
    }
  }
  return chances
}

const probability = (chances: Float64Array, holds: (sum: number) => boolean): number =>
  chances.reduce((total, chance, sum) => holds(sum) ? total + chance : total, 0)

const middleOf = (sorted: ArrayLike<number>): number =>
  (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2

/** How many of the smallest means of pairs lie outside of an interval of 95 %, on each side. */
const outside = (count: number): number => {
  const chances = distribution(Array.from({ length: count }, (_, i) => i + 1))
  let below = 0
  let sum = 0
  while (below + chances[sum]! <= 0.025) below += chances[sum++]!
  return Math.max(0, sum - 1)
}

/** What the differences of paired rounds say. There has to be one at least. @category constructors */
export const shift = (differences: ReadonlyArray<number>): Shift => {
  const means: Array<number> = []
  for (let i = 0; i < differences.length; i++) {
    for (let j = i; j < differences.length; j++) means.push((differences[i]! + differences[j]!) / 2)
  }
  means.sort((a, b) => a - b)
  const left = outside(differences.length)
  // Rounds without any difference speak for neither side.
  const told = differences.filter((difference) => difference !== 0)
  const ranks = doubledRanks(told)
  const observed = told.reduce((sum, difference, i) => difference > 0 ? sum + ranks[i]! : sum, 0)
  const chances = distribution(ranks)
  return {
    middle: middleOf(means),
    low: means[left]!,
    high: means[means.length - 1 - left]!,
    above: probability(chances, (sum) => sum >= observed),
    below: probability(chances, (sum) => sum <= observed)
  }
}

/**
 * Which of several tests say something, when all of them together may be wrong with this probability: Holm's step-down method.
 *
 * @category getters
 */
export const significant = (probabilities: ReadonlyArray<number>, together: number): ReadonlyArray<boolean> => {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a]! - probabilities[b]!)
  const found = new Array<boolean>(probabilities.length).fill(false)
  for (const [place, i] of order.entries()) {
    if (probabilities[i]! > together / (order.length - place)) break
    found[i] = true
  }
  return found
}
