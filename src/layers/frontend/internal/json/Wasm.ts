/**
 * A small assembler for WebAssembly: instructions are lists of bytes, and an expression is the list of what computes it.
 *
 * It exists for one reason: 64-bit integer arithmetic, which decides the speed of reading numbers and which JavaScript lacks.
 *
 * Source: WebAssembly Core Specification, binary format.
 */

/** Bytes of an instruction sequence. @internal */
export type Code = ReadonlyArray<number>

const unsignedLeb = (value: number): Code => {
  const out: Array<number> = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    out.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return out
}

const signedLeb = (value: bigint): Code => {
  const out: Array<number> = []
  let rest = value
  for (;;) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...out, low]
    out.push(low | 0x80)
  }
}

const operation = (opcode: number) => (...operands: ReadonlyArray<Code>): Code => [...operands.flat(), opcode]

const load = (opcode: number, align: number) => (address: Code, offset = 0): Code => [
  ...address,
  opcode,
  align,
  ...unsignedLeb(offset)
]

const store =
  (opcode: number, align: number) => (address: Code, value: Code): Code => [...address, ...value, opcode, align, 0]

/** Types of locals and results. @internal */
export const types = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const

/** @internal */
export const i32 = {
  const: (value: number): Code => [0x41, ...signedLeb(BigInt(value | 0))],
  load8: load(0x2d, 0),
  store: store(0x36, 0),
  store8: store(0x3a, 0),
  store16: store(0x3b, 0),
  eqz: operation(0x45),
  eq: operation(0x46),
  ne: operation(0x47),
  geS: operation(0x4e),
  gtS: operation(0x4a),
  ltS: operation(0x48),
  gtU: operation(0x4b),
  geU: operation(0x4f),
  leU: operation(0x4d),
  add: operation(0x6a),
  sub: operation(0x6b),
  mul: operation(0x6c),
  and: operation(0x71),
  or: operation(0x72),
  shl: operation(0x74),
  wrap: operation(0xa7),
  fromF32: operation(0xbc)
} as const

/** @internal */
export const i64 = {
  const: (value: bigint): Code => [0x42, ...signedLeb(BigInt.asIntN(64, value))],
  load: load(0x29, 0),
  store: store(0x37, 0),
  eqz: operation(0x50),
  ltS: operation(0x53),
  gtS: operation(0x55),
  ctz: operation(0x7a),
  add: operation(0x7c),
  sub: operation(0x7d),
  mul: operation(0x7e),
  and: operation(0x83),
  or: operation(0x84),
  xor: operation(0x85),
  shl: operation(0x86),
  shrU: operation(0x88),
  fromF64: operation(0xbd),
  extendS: operation(0xac),
  extendU: operation(0xad),
  truncF64: operation(0xb0)
} as const

/** @internal */
export const f32 = {
  store: store(0x38, 0),
  const: (value: number): Code => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)],
  eq: operation(0x5b),
  lt: operation(0x5d),
  demote: operation(0xb6),
  fromI32: operation(0xbe)
} as const

/** @internal */
export const f64 = {
  const: (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
  load: load(0x2b, 0),
  store: store(0x39, 0),
  eq: operation(0x61),
  neg: operation(0x9a),
  add: operation(0xa0),
  sub: operation(0xa1),
  mul: operation(0xa2),
  div: operation(0xa3),
  fromI64: operation(0xb9)
} as const

const vector = (opcode: number) => (...operands: ReadonlyArray<Code>): Code => [
  ...operands.flat(),
  0xfd,
  ...unsignedLeb(opcode)
]

/** Vectors of 128 bits. @internal */
export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, 0xfd, 0, 0, ...unsignedLeb(offset)],
  /** The same 16-bit pair in all four lanes. */
  pairs: (even: number, odd: number): Code => [
    0xfd,
    12,
    ...Array.from({ length: 4 }, () => [even & 0xff, even >> 8, odd & 0xff, odd >> 8]).flat()
  ],
  /** The same byte in all sixteen lanes. */
  bytes: (value: number): Code => [0xfd, 12, ...Array.from({ length: 16 }, () => value)],
  xor: vector(81),
  and: vector(78),
  anyTrue: vector(83),
  gtU8: vector(40),
  shrU16: vector(141),
  mul16: vector(149),
  add16: vector(142),
  /** Sums of two neighbouring products of 16-bit lanes, as 32-bit lanes. */
  dot16: vector(186),
  narrow32: vector(133),
  lower64: (value: Code): Code => [...value, 0xfd, 29, 0]
} as const

/** @internal */
export const control = {
  block: (...body: ReadonlyArray<Code>): Code => [0x02, 0x40, ...body.flat(), 0x0b],
  loop: (...body: ReadonlyArray<Code>): Code => [0x03, 0x40, ...body.flat(), 0x0b],
  when: (condition: Code, ...body: ReadonlyArray<Code>): Code => [...condition, 0x04, 0x40, ...body.flat(), 0x0b],
  either: (condition: Code, yes: ReadonlyArray<Code>, no: ReadonlyArray<Code>): Code => [
    ...condition,
    0x04,
    0x40,
    ...yes.flat(),
    0x05,
    ...no.flat(),
    0x0b
  ],
  /** Continues the loop, or leaves the block, that is `depth` constructs outside of this instruction. */
  branch: (depth: number): Code => [0x0c, depth],
  branchIf: (depth: number, condition: Code): Code => [...condition, 0x0d, depth],
  give: (...values: ReadonlyArray<Code>): Code => [...values.flat(), 0x0f]
} as const

/** A local variable. @internal */
export interface Local {
  readonly get: Code
  readonly set: (value: Code) => Code
  /** Adds a constant to an i32. */
  readonly advance: (by: number) => Code
}

/** A global i32 that JavaScript reads. @internal */
export const setGlobal = (index: number, value: Code): Code => [...value, 0x24, index]

/** @internal */
export interface Procedure {
  readonly name: string
  readonly parameters: ReadonlyArray<number>
  readonly locals: ReadonlyArray<number>
  readonly body: Code
}

/** The local of that index; parameters come first. @internal */
export const local = (index: number): Local => {
  const get = [0x20, index]
  const set = (value: Code): Code => [...value, 0x21, index]
  return { get, set, advance: (by) => set(i32.add(get, i32.const(by))) }
}

const list = (items: ReadonlyArray<Code>): Code => [...unsignedLeb(items.length), ...items.flat()]
const section = (id: number, content: Code): Code => [id, ...unsignedLeb(content.length), ...content]
const nameOf = (text: string): Code => [...unsignedLeb(text.length), ...Buffer.from(text)]

/**
 * A module of procedures that give an i32, with `globals` exported mutable i32 globals (`"0"`, `"1"`, …) and `pages` pages of memory
 * (`"memory"`).
 *
 * @internal
 */
export const assemble = (
  procedures: ReadonlyArray<Procedure>,
  globals: number,
  pages: number
): Uint8Array<ArrayBuffer> => {
  const bodies = procedures.map((procedure) => {
    const body = [...list(procedure.locals.map((type) => [1, type])), ...procedure.body, 0x0b]
    return [...unsignedLeb(body.length), ...body]
  })
  const indices = Array.from({ length: globals }, (_, i) => i)
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    0x01,
    0x00,
    0x00,
    0x00,
    ...section(
      1,
      list(procedures.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [type])), 1, types.i32]))
    ),
    ...section(3, list(procedures.map((_, i) => unsignedLeb(i)))),
    ...section(5, list([[0x01, pages, pages]])),
    ...section(6, list(indices.map(() => [types.i32, 0x01, ...i32.const(0), 0x0b]))),
    ...section(
      7,
      list([
        ...procedures.map(({ name }, i) => [...nameOf(name), 0x00, ...unsignedLeb(i)]),
        [...nameOf("memory"), 0x02, 0x00],
        ...indices.map((i) => [...nameOf(String(i)), 0x03, i])
      ])
    ),
    ...section(10, list(bodies))
  ])
}
