/**
 * Divides requests among targets by weight: by chance, or by a key, so that the same key meets the same target.
 *
 * Keys are divided by weighted rendezvous hashing: each target draws a number for the key, and the greatest after weighting wins.
 * Between two targets, a change of weights moves as few keys as there can be. Of more, one that grows takes keys only for itself,
 * one that shrinks or goes gives away only its own, and what goes and comes back finds its keys again. The order of the targets
 * has no part in it.
 */

/** A target with its share of the requests. @category models */
export interface Target<A> {
  /** Tells targets apart over time: what keys find again. */
  readonly name: string
  /** Above 0. */
  readonly weight: number
  readonly value: A
}

/** @category models */
export interface Split<A> {
  /** The target of a number from 0 up to, but not including, 1. */
  readonly byChance: (chance: number) => A
  /** The target of a key. */
  readonly byKey: (key: string) => A
}

const mixed = (bits: number): number => {
  let h = bits
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** 32 bits of a text: FNV-1a over its UTF-16 code units, then mixed. */
const hash = (text: string, seed: number): number => {
  let h = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mixed(h)
}

/** A number above 0 and below 1. */
const unit = (bits: number): number => ((bits >>> 0) + 0.5) / 2 ** 32

/**
 * A split among at least one target. Splits of different `salt` put the same keys together differently: with the model's name as
 * salt, not always the same clients are the first to meet something new.
 *
 * @category constructors
 */
export const make = <A>(targets: ReadonlyArray<Target<A>>, salt: string): Split<A> => {
  const seed = hash(salt, 0)
  const drawing = targets.map(({ name, value, weight }) => ({ seed: hash(name, seed), weight, value }))
  const last = targets.at(-1)!.value
  const sum = targets.reduce((total, { weight }) => total + weight, 0)
  const bounds: Array<number> = []
  let reached = 0
  for (const { weight } of targets) bounds.push((reached += weight) / sum)
  return {
    byChance: (chance) => {
      for (let i = 0; i < bounds.length - 1; i++) if (chance < bounds[i]!) return targets[i]!.value
      return last
    },
    byKey: (key) => {
      const h = hash(key, seed)
      let best = -Infinity
      let winner = last
      for (let i = 0; i < drawing.length; i++) {
        const { seed, value, weight } = drawing[i]!
        const drawn = weight / -Math.log(unit(mixed(h ^ seed)))
        if (drawn > best) {
          best = drawn
          winner = value
        }
      }
      return winner
    }
  }
}
