import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import * as fc from "fast-check"
import type { SequenceLayout, StateCell } from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import type { SequenceState } from "../../../src/schema/SequenceState.ts"
import { floats, numbers, result, tensor } from "../Batches.ts"
import { type Row, stack, unstack } from "./Rows.ts"
import { layoutOf, memory, named, state, stepJob } from "./Steps.ts"

/** A model whose state says whose it is, in its first element, and what that one has added up, in all others. */
interface Kind {
  readonly state: SequenceState
  /** The next state of a row, which belongs to `mark`. */
  readonly next: (row: Row, mark: number, value: number) => Row
  /** Whose a state is, 0 for nobody's, and its sum. */
  readonly read: (row: Row) => readonly [mark: number, sum: number]
}

const sum = (values: ReadonlyArray<unknown>): number => values.reduce<number>((sum, value) => sum + Number(value), 0)

/** All elements behind the first are the sum. */
const fixed = (dims: ReadonlyArray<number>, batchAxis: number): Kind => ({
  state: state({ dims, batchAxis }),
  next: ({ shape, values }, mark, value) => ({
    shape,
    values: values.map((old, index) => index === 0 ? mark : Number(old) + value)
  }),
  read: ({ values }) => {
    assert.isTrue(values.slice(1).every((value) => value === values[1]), "parts of different rows")
    return [Number(values[0]), Number(values[1])]
  }
})

/** Each step leaves one element more. */
const growing = (batchAxis: number): Kind => ({
  state: state({ dims: [-1], batchAxis }),
  next: ({ values }, mark, value) => ({ shape: [values.length + 1], values: [mark, ...values.slice(1), value] }),
  read: ({ values }) => [Number(values[0]), sum(values.slice(1))]
})

/** The sum as a text of as many signs. */
const strings = (batchAxis: number): Kind => ({
  state: state({ datatype: "BYTES", dims: [2], batchAxis }),
  next: ({ shape, values }, mark, value) => ({ shape, values: [String(mark), values[1] + "+".repeat(value)] }),
  read: ({ values }) => [Number(values[0]), String(values[1]).length]
})

const kinds: fc.Arbitrary<Kind> = fc.oneof(
  fc.tuple(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }), fc.integer({ min: 2, max: 4 }), fc.nat(3)).map(
    ([dims, last, axis]) => fixed([...dims, last], Math.min(axis, dims.length + 1))
  ),
  // Beyond what lies in ordinary memory.
  fc.constantFrom(0, 1, 2).map((axis) => fixed([2, 1500], axis)),
  fc.constantFrom(0, 1).map(growing),
  fc.constantFrom(0, 1).map(strings)
)

interface Round {
  /** Which sequences have a step, and in which slots. */
  readonly slots: ReadonlyArray<number | undefined>
  readonly value: number
  readonly outcome: "answered" | "failed" | "misfit" | "left out"
  /** A sequence that is over after it, and begins anew. */
  readonly ends: number | undefined
}

const sequences = 5

const rounds: fc.Arbitrary<ReadonlyArray<Round>> = fc.array(
  fc.record({
    slots: fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 1 }).chain((members) =>
      fc.array(fc.boolean(), { minLength: members.length, maxLength: members.length }).map((gaps) =>
        members.flatMap((member, index) => gaps[index]! ? [undefined, member] : [member])
      )
    ),
    value: fc.integer({ min: 1, max: 9 }),
    outcome: fc.constantFrom<Round["outcome"]>("answered", "answered", "answered", "failed", "misfit", "left out"),
    ends: fc.option(fc.nat(sequences - 1), { nil: undefined })
  }),
  { minLength: 1, maxLength: 12 }
)

const draft: Draft = {
  max_batch_size: 16,
  input: [{ name: "INPUT", data_type: "TYPE_FP32", dims: [2] }],
  output: [{ name: "OUTPUT", data_type: "TYPE_FP32", dims: [2] }],
  sequence_batching: {
    control_input: [
      { name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID", data_type: "TYPE_UINT64" }] },
      { name: "READY", control: [{ kind: "CONTROL_SEQUENCE_READY", int32_false_true: [0, 1] }] }
    ]
  }
}

/** A sequence as the test knows it. */
interface Known {
  mark: number
  sum: number
  started: boolean
  cell: StateCell
}

const play = (layout: SequenceLayout, kind: Kind, rounds: ReadonlyArray<Round>): void => {
  const { batchAxis } = kind.state
  let marks = 0
  const begin = (): Known => ({ mark: ++marks, sum: 0, started: false, cell: layout.open() })
  const known = Array.from({ length: sequences }, begin)
  const jobOf = ({ mark }: Known, value: number) => stepJob(BigInt(mark), [floats("INPUT", [1, 2], [mark, value])])

  for (const { ends, outcome, slots, value } of rounds) {
    const first = known[slots.find((slot) => slot !== undefined)!]!
    const key = layout.keyOf(jobOf(first, value), first.cell)
    const members = slots.map((slot) => {
      const one = slot === undefined ? undefined : known[slot]!
      return one !== undefined && layout.sameKey(layout.keyOf(jobOf(one, value), one.cell), key) ? one : undefined
    })
    while (members.at(-1) === undefined) members.pop()
    const prepared = layout.prepare(
      members.map((one) => one && { job: jobOf(one, value), start: !one.started, end: false, cell: one.cell })
    )
    const inputs = unstack(named(prepared, "INPUT"), 0)
    const states = unstack(named(prepared, "STATE"), batchAxis)
    const ids = new BigUint64Array(named(prepared, "ID").data.slice().buffer)
    assert.strictEqual(prepared.rows, members.length)
    assert.deepStrictEqual(numbers(named(prepared, "READY")), members.map((one) => one === undefined ? 0 : 1))
    for (const [row, one] of members.entries()) {
      // Each row reads its own state and no other's.
      const expected = one === undefined ? [0, 0] : [one.started ? one.mark : 0, one.sum]
      assert.deepStrictEqual([...kind.read(states[row]!)], expected)
      assert.strictEqual(ids[row], BigInt(one?.mark ?? 0))
    }
    const next = states.map((row, index) =>
      kind.next(row, Number(inputs[index]!.values[0]), Number(inputs[index]!.values[1]))
    )
    if (outcome !== "failed") {
      const output = stack("OUTPUT", 0, next.map((row) => ({ shape: [2], values: kind.read(row) })))
      const left = outcome === "left out"
        ? []
        : [
          outcome === "misfit"
            ? tensor("STATE_NEXT", "INT8", [1], Int8Array.of(1))
            : stack("STATE_NEXT", batchAxis, next)
        ]
      const shares = prepared.share(result([output, ...left]).value)
      const present = members.filter((one) => one !== undefined)
      assert.strictEqual(shares.length, present.length)
      for (const [index, one] of present.entries()) {
        const share = shares[index]!
        assert.strictEqual(Exit.isSuccess(share), outcome !== "misfit")
        if (!Exit.isSuccess(share)) continue
        assert.deepStrictEqual(numbers(share.value.outputs[0]!), [one.mark, one.sum + value])
        share.value.release()
        if (outcome === "left out") continue
        one.sum += value
        one.started = true
      }
    }
    if (ends !== undefined) {
      // Before the batch lets go of it, as a cancelled step does.
      known[ends]!.cell.close()
      known[ends] = begin()
    }
    prepared.release()
  }
  for (const { cell } of known) cell.close()
}

describe("SequenceLayout, property", () => {
  it("rows never mix, whatever is beside them, fails, grows or ends", () => {
    const before = memory.usage().inUse
    fc.assert(
      fc.property(kinds, rounds, (kind, rounds) => {
        play(layoutOf([kind.state], draft), kind, rounds)
        assert.strictEqual(memory.usage().inUse, before)
      }),
      { numRuns: 150 }
    )
  })
})
