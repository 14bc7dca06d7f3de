/**
 * The kernel for FP32 and FP64: literals of up to 18 digits or so, rounded exactly. Cheapest first:
 *
 * - FP32 takes the product of doubles when every double within its error rounds to the same single;
 * - where the digits fit 53 bits and the power of ten is exact, one multiplication or division rounds once, and correctly (Clinger);
 * - FP64 adds the remainder of the division, when the error cannot reach the middle between two doubles.
 */
import { integerLimits, integerTens, scales, splitter, tens, tensLower, tensUpper, widest } from "./KernelMemory.ts"
import {
  byteAt,
  isByte,
  isDigit,
  parameters,
  readWord,
  stop,
  stops,
  target,
  valueOf,
  valueOfEight,
  walk
} from "./KernelWalk.ts"
import { type Code, control, f32, f64, i32, i64, type Local, local, type Procedure, types, v128 } from "./Wasm.ts"

const { block, branch, either, when } = control

const element = (table: number, index: Code) => f64.load(i32.shl(index, i32.const(3)), table)
/** The values of the two groups of eight digits, in the lower and the upper half. */
const valueOfSixteen = (digits: Local, words: Local): Code => {
  const tens = v128.add16(
    v128.mul16(v128.and(digits.get, v128.pairs(0xff, 0xff)), v128.pairs(10, 10)),
    v128.shrU16(digits.get, i32.const(8))
  )
  const thousands = v128.dot16(tens, v128.pairs(100, 1))
  // Narrowed with itself only because the instruction takes two: the lower half counts.
  return [
    ...thousands,
    ...words.set([]),
    ...v128.lower64(v128.dot16(v128.narrow32(words.get, words.get), v128.pairs(10000, 1)))
  ]
}

const body = (): Code => {
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
  const sixteen = local(25)
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
      sixteen.set(v128.xor(v128.load(at.get), v128.bytes(0x30))),
      either(
        v128.anyTrue(v128.gtU8(sixteen.get, v128.bytes(9))),
        [
          readWord(word, more, at, 0),
          either(
            i32.eq(more.get, i32.const(8)),
            [appendEight, readWord(word, more, at, 8), append(8)],
            [when(i32.eqz(more.get), stop(stops.literal)), append(0)]
          )
        ],
        [
          // Up to this integer part there is room for sixteen digits more.
          when(i64.gtS(digits.get, i64.const(920n)), stop(stops.literal)),
          word.set(valueOfSixteen(sixteen, sixteen)),
          digits.set(
            i64.add(
              i64.mul(digits.get, i64.const(10n ** 16n)),
              i64.add(
                i64.mul(i64.and(word.get, i64.const(0xffffffffn)), i64.const(100000000n)),
                i64.shrU(word.get, i64.const(32n))
              )
            )
          ),
          readWord(word, more, at, 16),
          when(i32.eq(more.get, i32.const(8)), stop(stops.literal)),
          append(16)
        ]
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

const { f32: F32, f64: F64, i32: I32, i64: I64, v128: V128 } = types

/** `floats(position, safe, target, targetEnd, depth, expecting, isSingle)`. @internal */
export const floats: Procedure = {
  name: "floats",
  parameters: [...parameters, I32],
  locals: [I32, I32, I32, I32, I32, I32, I32, I32, I64, I64, I64, F64, F64, F64, F64, F64, F64, F32, V128],
  body: body()
}
