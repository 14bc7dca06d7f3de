/** The kernel for integers of 8 to 64 bits: literals of up to 18 digits that their datatype can hold. */
import { integerTens } from "./KernelMemory.ts"
import { byteAt, isByte, parameters, readWord, stop, stops, target, valueOf, walk } from "./KernelWalk.ts"
import { type Code, control, i32, i64, type Local, local, type Procedure, types } from "./Wasm.ts"

const { either, when } = control

const body = (): Code => {
  const size = local(6)
  const lowest = local(7)
  const highest = local(8)
  const [at, c, opened, minus, count, more] = [9, 10, 11, 12, 13, 14].map(local) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local
  ]
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

/** `integers(position, safe, target, targetEnd, depth, expecting, size, lowest, highest)`. @internal */
export const integers: Procedure = {
  name: "integers",
  parameters: [...parameters, types.i32, types.i64, types.i64],
  locals: [types.i32, types.i32, types.i32, types.i32, types.i32, types.i32, types.i64, types.i64, types.i64],
  body: body()
}
