/**
 * The inner loops that turn the text of a JSON array of numbers into binary, in WebAssembly.
 *
 * The text passes through a window of the module's memory, the numbers through a buffer beside it. A kernel walks brackets, commas and
 * white space, and takes every literal that it can convert exactly; at any other it stops, and JavaScript goes on from there.
 *
 * Eight digits are read with one 64-bit load. Their count is found from the first byte that is none, and their value with three
 * multiplications, both without a branch. How a float is rounded:
 *
 * - FP32 takes the product of doubles when every double within its error rounds to the same single;
 * - where the digits fit 53 bits and the power of ten is exact, one multiplication or division rounds once, and correctly (Clinger);
 * - FP64 adds the remainder of the division, when the error cannot reach the middle between two doubles.
 */
import { maximumDepth } from "./JsonSyntax.ts"
import { assemble, type Code, control, f32, f64, i32, i64, type Local, local, setGlobal, types } from "./Wasm.ts"

const { block, branch, branchIf, either, give, loop, when } = control

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

/** Bytes of text that a window holds, and how far beyond it a kernel may look. @internal */
export const windowSize = 65536
/** @internal */
export const lookAhead = 256

/** Addresses in the module's memory. @internal */
const tens = 0
const scales = 256
const tensUpper = 1536
const tensLower = 1792
const integerTens = 2048
const integerLimits = 2176
/** @internal */
export const input = 4096
/** @internal */
export const output = input + windowSize + 2 * lookAhead
const pages = Math.ceil((output + windowSize * 4) / 65536)

/** Largest exponent of ten for which the product is tried. */
const widest = 64
const splitter = 2 ** 27 + 1

const zeros = 0x3030303030303030n
const highBits = 0x8080808080808080n

const plus = (address: Local, by: number) => i32.add(address.get, i32.const(by))
const element = (table: number, index: Code) => f64.load(i32.shl(index, i32.const(3)), table)
const byteAt = (address: Local): Code => i32.load8(address.get)
const isDigit = (c: Local): Code => i32.leU(i32.sub(c.get, i32.const(0x30)), i32.const(9))
const isByte = (c: Local, value: number): Code => i32.eq(c.get, i32.const(value))
const isSpace = (c: Local): Code =>
  i32.or(i32.or(isByte(c, 0x20), isByte(c, 0x0a)), i32.or(isByte(c, 0x0d), isByte(c, 0x09)))

/** Loads eight characters from `address` + `offset` as digits, and counts those that come first. */
const readWord = (word: Local, count: Local, address: Local, offset: number): Code => [
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

/** The value of a word of eight digits, which is spoilt. */
const valueOfEight = (word: Local): Code => [
  ...word.set(i64.add(i64.mul(word.get, i64.const(10n)), i64.shrU(word.get, i64.const(8n)))),
  ...i64.shrU(
    i64.add(
      i64.mul(i64.and(word.get, i64.const(0xff000000ffn)), i64.const(0x000f424000000064n)),
      i64.mul(i64.and(i64.shrU(word.get, i64.const(16n)), i64.const(0xff000000ffn)), i64.const(0x0000271000000001n))
    ),
    i64.const(32n)
  )
]

/** The value of the first `count` digits of `word`, which is spoilt. Shifting twice by half makes a shift by 64 possible. */
const valueOf = (word: Local, count: Local, shift: Local): Code => [
  ...shift.set(i64.extendU(i32.sub(i32.const(32), i32.shl(count.get, i32.const(2))))),
  ...word.set(i64.shl(i64.shl(word.get, shift.get), shift.get)),
  ...valueOfEight(word)
]

/** The parameters and locals that both kernels have. */
const parameters = [types.i32, types.i32, types.i32, types.i32, types.i32, types.i32]
const position = local(0)
/** No literal is begun from here on. */
const safe = local(1)
const target = local(2)
const targetEnd = local(3)
const depth = local(4)
/** Whether a value comes next; otherwise what comes behind one. */
const expecting = local(5)

const stop = (reason: number): Code => [
  ...setGlobal(0, position.get),
  ...setGlobal(1, target.get),
  ...setGlobal(2, depth.get),
  ...setGlobal(3, expecting.get),
  ...give(i32.const(reason))
]

interface Registers {
  /** Where the literal is being read. */
  readonly at: Local
  readonly c: Local
  readonly opened: Local
  readonly minus: Local
}

/**
 * The walk around a literal. `literal` begins with `at` at the first digit, which is in `c`, and ends with `at` behind the literal and
 * `target` advanced.
 */
const walk = ({ at, c, minus, opened }: Registers, literal: Code): Code => [
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

const integerBody = (): Code => {
  const size = local(6)
  const lowest = local(7)
  const highest = local(8)
  const [at, c, opened, minus, count, more] = [9, 10, 11, 12, 13, 14].map(local) as [Local, Local, Local, Local, Local, Local]
  const [word, shift, value] = [15, 16, 17].map(local) as [Local, Local, Local]
  const append = (offset: number): Code => [
    ...readWord(word, more, at, offset),
    ...valueOf(word, more, shift),
    ...shift.set([]),
    ...value.set(i64.add(i64.mul(value.get, i64.load(i32.shl(more.get, i32.const(3)), integerTens)), shift.get)),
    ...count.set(i32.add(count.get, more.get))
  ]
  const literal = [
    readWord(word, count, at, 0),
    when(i32.and(isByte(c, 0x30), i32.gtU(count.get, i32.const(1))), stop(stops.literal)),
    valueOf(word, count, shift),
    value.set([]),
    when(
      i32.eq(count.get, i32.const(8)),
      append(8),
      when(i32.eq(count.get, i32.const(16)), append(16)),
      when(i32.gtU(count.get, i32.const(18)), stop(stops.literal))
    ),
    at.set(i32.add(at.get, count.get)),
    c.set(byteAt(at)),
    when(i32.or(isByte(c, 0x2e), i32.eq(i32.or(c.get, i32.const(0x20)), i32.const(0x65))), stop(stops.literal)),
    // Two's complement by the sign, without a branch that random signs would mispredict.
    shift.set(i64.extendU(minus.get)),
    value.set(i64.add(i64.xor(value.get, i64.sub(i64.const(0n), shift.get)), shift.get)),
    when(i32.or(i64.ltS(value.get, lowest.get), i64.gtS(value.get, highest.get)), stop(stops.literal)),
    either(
      i32.eq(size.get, i32.const(4)),
      [i32.store(target.get, i32.wrap(value.get))],
      [
        either(
          i32.eq(size.get, i32.const(8)),
          [i64.store(target.get, value.get)],
          [
            either(
              i32.eq(size.get, i32.const(2)),
              [i32.store16(target.get, i32.wrap(value.get))],
              [i32.store8(target.get, i32.wrap(value.get))]
            )
          ]
        )
      ]
    ),
    target.set(i32.add(target.get, size.get))
  ].flat()
  return walk({ at, c, minus, opened }, literal)
}

const floatBody = (): Code => {
  const isSingle = local(6)
  const [at, c, opened, minus, count, more, exponent, sign] = [7, 8, 9, 10, 11, 12, 13, 14].map(local) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local
  ]
  const [word, shift, digits] = [15, 16, 17].map(local) as [Local, Local, Local]
  const [value, high, upper, lower, product, ten] = [18, 19, 20, 21, 22, 23].map(local) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local
  ]
  const rounded = local(24)
  const k = i32.sub(i32.const(0), exponent.get)
  const limit = (count: Code): Code => i64.load(i32.shl(count, i32.const(3)), integerLimits)
  /** Puts a word of eight digits behind those collected. */
  const appendEight: Code = [
    ...valueOfEight(word),
    ...shift.set([]),
    ...digits.set(i64.add(i64.mul(digits.get, i64.const(100000000n)), shift.get))
  ]
  /** Puts the first digits of a word behind those collected, and moves on behind them. */
  const append = (offset: number): Code => [
    ...when(i64.gtS(digits.get, limit(more.get)), stop(stops.literal)),
    ...valueOf(word, more, shift),
    ...shift.set([]),
    ...digits.set(i64.add(i64.mul(digits.get, i64.load(i32.shl(more.get, i32.const(3)), integerTens)), shift.get)),
    ...at.set(i32.add(at.get, i32.add(more.get, i32.const(offset)))),
    ...exponent.set(i32.sub(i32.const(-offset), more.get))
  ]
  const signed = i64.or(i64.fromF64(value.get), i64.shl(i64.extendU(minus.get), i64.const(63n)))
  const storeDouble: Code = either(
    isSingle.get,
    [
      i32.store(target.get, i32.or(i32.fromF32(f32.demote(value.get)), i32.shl(minus.get, i32.const(31)))),
      target.advance(4)
    ],
    [i64.store(target.get, signed), target.advance(8)]
  )
  const scale: Code = block(
    value.set(f64.fromI64(digits.get)),
    when(
      i32.and(isSingle.get, i32.leU(i32.add(exponent.get, i32.const(widest)), i32.const(2 * widest))),
      product.set(f64.mul(value.get, element(scales, i32.add(exponent.get, i32.const(widest))))),
      rounded.set(f32.demote(f64.mul(product.get, f64.const(1 + 2 ** -50)))),
      when(
        i32.and(
          f32.eq(rounded.get, f32.demote(f64.mul(product.get, f64.const(1 - 2 ** -50)))),
          f32.lt(rounded.get, f32.const(Infinity))
        ),
        i32.store(target.get, i32.or(i32.fromF32(rounded.get), i32.shl(minus.get, i32.const(31)))),
        target.advance(4),
        branch(2)
      )
    ),
    when(i32.gtU(i32.add(exponent.get, i32.const(22)), i32.const(44)), stop(stops.literal)),
    either(
      i64.gtS(digits.get, i64.const(2n ** 53n)),
      [
        when(i32.or(isSingle.get, i32.gtS(exponent.get, i32.const(0))), stop(stops.literal)),
        // value / ten, then what is left of it: the product of the quotient and ten is computed in exact halves.
        ten.set(element(tens, k)),
        high.set(f64.div(value.get, ten.get)),
        upper.set(f64.mul(high.get, f64.const(splitter))),
        upper.set(f64.sub(upper.get, f64.sub(upper.get, high.get))),
        lower.set(f64.sub(high.get, upper.get)),
        product.set(f64.mul(high.get, ten.get)),
        lower.set(
          f64.add(
            f64.add(
              f64.add(
                f64.sub(f64.mul(upper.get, element(tensUpper, k)), product.get),
                f64.mul(upper.get, element(tensLower, k))
              ),
              f64.mul(lower.get, element(tensUpper, k))
            ),
            f64.mul(lower.get, element(tensLower, k))
          )
        ),
        lower.set(
          f64.div(
            f64.add(
              f64.sub(f64.sub(value.get, product.get), lower.get),
              f64.fromI64(i64.sub(digits.get, i64.truncF64(value.get)))
            ),
            ten.get
          )
        ),
        value.set(f64.add(high.get, lower.get)),
        lower.set(f64.sub(lower.get, f64.sub(value.get, high.get))),
        when(
          i32.eqz(f64.eq(f64.add(value.get, f64.mul(lower.get, f64.const(1.0000001))), value.get)),
          stop(stops.literal)
        )
      ],
      [
        either(
          i32.gtS(exponent.get, i32.const(0)),
          [value.set(f64.mul(value.get, element(tens, exponent.get)))],
          [value.set(f64.div(value.get, element(tens, k)))]
        ),
        // Only singles can leave their range here; what does is told by JavaScript.
        when(
          isSingle.get,
          when(i32.eqz(f32.lt(f32.demote(value.get), f32.const(Infinity))), stop(stops.literal))
        )
      ]
    ),
    storeDouble
  )
  // Where a branch fixes how far to move, the next address does not wait for the count: the processor runs ahead.
  const literal = [
    either(
      i32.eq(i32.load8(at.get, 1), i32.const(0x2e)),
      [digits.set(i64.extendU(i32.sub(c.get, i32.const(0x30)))), at.advance(1)],
      [
        readWord(word, count, at, 0),
        when(
          i32.or(i32.eq(count.get, i32.const(8)), i32.and(isByte(c, 0x30), i32.gtU(count.get, i32.const(1)))),
          stop(stops.literal)
        ),
        valueOf(word, count, shift),
        digits.set([]),
        at.set(i32.add(at.get, count.get))
      ]
    ),
    c.set(byteAt(at)),
    exponent.set(i32.const(0)),
    when(
      isByte(c, 0x2e),
      at.advance(1),
      readWord(word, more, at, 0),
      either(
        i32.eq(more.get, i32.const(8)),
        [
          appendEight,
          readWord(word, more, at, 8),
          either(
            i32.eq(more.get, i32.const(8)),
            [
              when(i64.gtS(digits.get, limit(i32.const(8))), stop(stops.literal)),
              appendEight,
              readWord(word, more, at, 16),
              when(i32.eq(more.get, i32.const(8)), stop(stops.literal)),
              append(16)
            ],
            [append(8)]
          )
        ],
        [when(i32.eqz(more.get), stop(stops.literal)), append(0)]
      ),
      c.set(byteAt(at))
    ),
    when(
      i32.eq(i32.or(c.get, i32.const(0x20)), i32.const(0x65)),
      at.advance(1),
      c.set(byteAt(at)),
      sign.set(isByte(c, 0x2d)),
      at.set(i32.add(at.get, i32.or(sign.get, isByte(c, 0x2b)))),
      c.set(byteAt(at)),
      when(i32.eqz(isDigit(c)), stop(stops.literal)),
      more.set(i32.sub(c.get, i32.const(0x30))),
      at.advance(1),
      c.set(byteAt(at)),
      when(
        isDigit(c),
        more.set(i32.add(i32.mul(more.get, i32.const(10)), i32.sub(c.get, i32.const(0x30)))),
        at.advance(1),
        c.set(byteAt(at)),
        when(isDigit(c), stop(stops.literal))
      ),
      either(
        sign.get,
        [exponent.set(i32.sub(exponent.get, more.get))],
        [exponent.set(i32.add(exponent.get, more.get))]
      )
    ),
    scale
  ].flat()
  return walk({ at, c, minus, opened }, literal)
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly "0": { readonly value: number }
  readonly "1": { readonly value: number }
  readonly "2": { readonly value: number }
  readonly "3": { readonly value: number }
  readonly floats: (
    position: number,
    safe: number,
    target: number,
    targetEnd: number,
    depth: number,
    expecting: number,
    isSingle: number
  ) => number
  readonly integers: (
    position: number,
    safe: number,
    target: number,
    targetEnd: number,
    depth: number,
    expecting: number,
    size: number,
    lowest: bigint,
    highest: bigint
  ) => number
}

/** The part of the platform that is used; its types belong to a library that a server does not load. */
declare const WebAssembly: {
  readonly Module: new(bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new(module: object) => { readonly exports: unknown }
}

const { f32: F32, f64: F64, i32: I32, i64: I64 } = types

const module = new WebAssembly.Module(assemble(
  [
    {
      name: "floats",
      parameters: [...parameters, I32],
      locals: [I32, I32, I32, I32, I32, I32, I32, I32, I64, I64, I64, F64, F64, F64, F64, F64, F64, F32],
      body: floatBody()
    },
    {
      name: "integers",
      parameters: [...parameters, I32, I64, I64],
      locals: [I32, I32, I32, I32, I32, I32, I64, I64, I64],
      body: integerBody()
    }
  ],
  4,
  pages
))

const exports_ = new WebAssembly.Instance(module).exports as unknown as Exports

/** The kernels and the globals in which they leave position, target, depth and expectation. @internal */
export const kernels = exports_
/** The module's memory. @internal */
export const memory = new Uint8Array(exports_.memory.buffer)

const view = new DataView(exports_.memory.buffer)
for (let k = 0; k <= 22; k++) {
  const ten = Number(`1e${k}`)
  const upper = splitter * ten - (splitter * ten - ten)
  view.setFloat64(tens + k * 8, ten, true)
  view.setFloat64(tensUpper + k * 8, upper, true)
  view.setFloat64(tensLower + k * 8, ten - upper, true)
}
for (let k = -widest; k <= widest; k++) view.setFloat64(scales + (k + widest) * 8, Number(`1e${k}`), true)
for (let k = 0n; k <= 8n; k++) {
  view.setBigInt64(integerTens + Number(k) * 8, 10n ** k, true)
  view.setBigInt64(integerLimits + Number(k) * 8, (2n ** 63n - 4096n) / 10n ** k - 2n, true)
}
