/** Decodes Huffman-coded header strings. Source: RFC 7541 §5.2, Appendix B. */

/** Bits of the code of each byte, then of the end-of-string symbol. The code is canonical: shorter first, equals in order of the symbol. */
const lengths: ReadonlyArray<number> = (
  "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 " +
  "6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 " +
  "13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 " +
  "15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 " +
  "20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 " +
  "22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 " +
  "26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 " +
  "20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30"
).split(" ").map(Number)

const endOfString = 256

/**
 * One entry for each inner node of the code tree and each four bits: the node reached, whether a symbol was completed on the way and
 * which (no code is shorter than five bits, so at most one).
 */
const steps = new Int32Array(256 * 16)
/** The bits between the last symbol and a node are all ones and fewer than eight: a string may end there. */
const mayEnd = new Uint8Array(256)

const emits = 1 << 16
const fails = 1 << 17

const build = (): void => {
  const tree: Array<[number, number]> = [[0, 0]]
  const order = lengths.map((length, symbol) => ({ length, symbol }))
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol)
  let code = 0
  let previous = 0
  for (const { length, symbol } of order) {
    code *= 2 ** (length - previous)
    previous = length
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2
      let next = tree[node]![side]!
      if (next === 0) {
        next = tree.push([0, 0]) - 1
        tree[node]![side] = next
      }
      node = next
    }
    tree[node]![code % 2] = -1 - symbol
    code++
  }
  for (let node = 0; node < tree.length; node++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[node * 16 + nibble] = step(tree, node, nibble)
  }
  let node = 0
  for (let ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1
    node = tree[node]![1]!
  }
}

const step = (tree: ReadonlyArray<[number, number]>, from: number, nibble: number): number => {
  let node = from
  let emitted = 0
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[node]![(nibble >> bit) & 1]!
    if (next >= 0) {
      node = next
    } else if (next === -1 - endOfString) {
      return fails
    } else {
      emitted = emits | ((-1 - next) << 8)
      node = 0
    }
  }
  return emitted | node
}

build()

/** Bytes that this many coded bytes can become at most: the shortest code has five bits. @internal */
export const decodedBytes = (coded: number): number => Math.ceil(coded * 8 / 5)

/**
 * Decodes `source` from `start` to `end` into `target`, which has room for {@link decodedBytes}, and gives the number of bytes; −1 for
 * a code that is not one.
 *
 * @internal
 */
export const decode = (source: Uint8Array, start: number, end: number, target: Uint8Array): number => {
  let node = 0
  let at = 0
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    const high = steps[node * 16 + (byte >> 4)]!
    if (high & emits) target[at++] = (high >> 8) & 0xff
    const low = steps[(high & 0xff) * 16 + (byte & 15)]!
    if (low & emits) target[at++] = (low >> 8) & 0xff
    if ((high | low) & fails) return -1
    node = low & 0xff
  }
  return mayEnd[node] === 1 ? at : -1
}
