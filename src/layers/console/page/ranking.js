/** The order of models in their table: busy ones first, without rows that change places all the time. */

/**
 * @typedef {object} Ranked
 * @property {string} key
 * @property {number} rate requests a second, lately
 */

/** One goes before another that was before it where it is so much busier. */
const factor = 1.5

/**
 * The busy ones in their new order: those that were busy before keep their places unless one is busier by half, and the others go in
 * where those that follow are less busy. Of equals the first one that is given comes first.
 *
 * @param {ReadonlyArray<string>} before keys of those that were busy, in their order
 * @param {ReadonlyArray<Ranked>} all
 * @returns {ReadonlyArray<string>}
 */
export const busiest = (before, all) => {
  const busy = all.filter(({ rate }) => rate > 0).toSorted((a, b) => b.rate - a.rate)
  const rates = new Map(busy.map(({ key, rate }) => [key, rate]))
  const rateOf = (/** @type {string | undefined} */ key) => rates.get(key ?? "") ?? Infinity
  /** @type {Array<string>} */
  const order = []
  for (const key of before) {
    if (!rates.has(key)) continue
    let at = order.length
    while (at > 0 && rateOf(key) > factor * rateOf(order[at - 1])) at--
    order.splice(at, 0, key)
  }
  const kept = new Set(order)
  for (const { key, rate } of busy) {
    if (kept.has(key)) continue
    const at = order.findIndex((other) => rateOf(other) < rate)
    order.splice(at === -1 ? order.length : at, 0, key)
  }
  return order
}
