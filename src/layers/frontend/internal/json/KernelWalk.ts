/**
 * What both kernels share: the walk over brackets, commas and white space, and reading digits eight at a time.
 */
import { maximumDepth } from "./JsonSyntax.ts"
import { type Code, control, i32, i64, type Local, local, setGlobal, types } from "./Wasm.ts"

const { block, branch, branchIf, give, loop, when } = control

/** Where a kernel stopped, and why. @internal */
export const stops = {
  /** The window is used up. */
  window: 0,
  /** The array was closed. */
  closed: 1,
  /** A literal, or what stands in its place, that the kernel does not take. */
  literal: 2,
  /** Behind a value stands neither a comma nor a bracket. */
  separator: 3,
  /** The buffer is full and there is another element. */
  full: 4,
  /** Nested too deep. */
  depth: 5
} as const

const zeros = 0x3030303030303030n
const highBits = 0x8080808080808080n

/** @internal */
export const byteAt = (address: Local): Code => i32.load8(address.get)
/** @internal */
export const isDigit = (c: Local): Code => i32.leU(i32.sub(c.get, i32.const(0x30)), i32.const(9))
/** @internal */
export const isByte = (c: Local, value: number): Code => i32.eq(c.get, i32.const(value))
const isSpace = (c: Local): Code =>
  i32.or(i32.or(isByte(c, 0x20), isByte(c, 0x0a)), i32.or(isByte(c, 0x0d), isByte(c, 0x09)))

/** Loads eight characters from `address` + `offset` as digits, and counts those that come first. @internal */
export const readWord = (word: Local, count: Local, address: Local, offset: number): Code => [
  ...word.set(i64.xor(i64.load(address.get, offset), i64.const(zeros))),
  ...count.set(
    i32.wrap(
      i64.shrU(
        i64.ctz(i64.and(i64.or(i64.add(word.get, i64.const(0x7676767676767676n)), word.get), i64.const(highBits))),
        i64.const(3n)
      )
    )
  )
]

/** The value of a word of eight digits, which is spoilt. @internal */
export const valueOfEight = (word: Local): Code => [
  ...word.set(i64.add(i64.mul(word.get, i64.const(10n)), i64.shrU(word.get, i64.const(8n)))),
  ...i64.shrU(
    i64.add(
      i64.mul(i64.and(word.get, i64.const(0xff000000ffn)), i64.const(0x000f424000000064n)),
      i64.mul(i64.and(i64.shrU(word.get, i64.const(16n)), i64.const(0xff000000ffn)), i64.const(0x0000271000000001n))
    ),
    i64.const(32n)
  )
]

/** The value of the first `count` digits of `word`, which is spoilt. Shifting twice by half makes a shift by 64 possible. @internal */
export const valueOf = (word: Local, count: Local, shift: Local): Code => [
  ...shift.set(i64.extendU(i32.sub(i32.const(32), i32.shl(count.get, i32.const(2))))),
  ...word.set(i64.shl(i64.shl(word.get, shift.get), shift.get)),
  ...valueOfEight(word)
]

/** The parameters and locals that both kernels have. @internal */
export const parameters = [types.i32, types.i32, types.i32, types.i32, types.i32, types.i32]
const position = local(0)
/** No literal is begun from here on. */
const safe = local(1)
/** @internal */
export const target = local(2)
const targetEnd = local(3)
const depth = local(4)
/** Whether a value comes next; otherwise what comes behind one. */
const expecting = local(5)

/** @internal */
export const stop = (reason: number): Code => [
  ...setGlobal(0, position.get),
  ...setGlobal(1, target.get),
  ...setGlobal(2, depth.get),
  ...setGlobal(3, expecting.get),
  ...give(i32.const(reason))
]

/** @internal */
export interface Registers {
  /** Where the literal is being read. */
  readonly at: Local
  readonly c: Local
  readonly opened: Local
  readonly minus: Local
}

/**
 * The walk around a literal. `literal` begins with `at` at the first digit, which is in `c`, and ends with `at` behind the literal and
 * `target` advanced.
 @internal */
export const walk = ({ at, c, minus, opened }: Registers, literal: Code): Code => [
  ...loop(
    block(
      branchIf(0, i32.eqz(expecting.get)),
      when(i32.geU(position.get, safe.get), stop(stops.window)),
      c.set(byteAt(position)),
      minus.set(isByte(c, 0x2d)),
      at.set(i32.add(position.get, minus.get)),
      when(
        i32.gtU(i32.sub(byteAt(at), i32.const(0x30)), i32.const(9)),
        when(isSpace(c), position.advance(1), branch(3)),
        when(
          isByte(c, 0x5b),
          depth.advance(1),
          when(i32.geU(depth.get, i32.const(maximumDepth)), stop(stops.depth)),
          position.advance(1),
          opened.set(i32.const(1)),
          branch(3)
        ),
        // An empty array: its bracket is dealt with where those behind values are.
        branchIf(1, i32.and(isByte(c, 0x5d), opened.get)),
        stop(stops.literal)
      ),
      when(i32.geU(target.get, targetEnd.get), stop(stops.full)),
      c.set(byteAt(at)),
      literal,
      position.set(at.get)
    ),
    opened.set(i32.const(0)),
    expecting.set(i32.const(0)),
    loop(
      c.set(byteAt(position)),
      when(
        isByte(c, 0x2c),
        position.advance(1),
        expecting.set(i32.const(1)),
        branch(2)
      ),
      when(
        isByte(c, 0x5d),
        position.advance(1),
        depth.advance(-1),
        when(i32.eqz(depth.get), stop(stops.closed)),
        when(i32.geU(position.get, safe.get), stop(stops.window)),
        branch(1)
      ),
      when(isSpace(c), position.advance(1), when(i32.geU(position.get, safe.get), stop(stops.window)), branch(1)),
      stop(stops.separator)
    )
  ),
  ...i32.const(stops.literal)
]
