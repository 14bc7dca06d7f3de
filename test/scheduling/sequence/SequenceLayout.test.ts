import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import * as BatchAxis from "../../../src/schema/BatchAxis.ts"
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import { floats, numbers, result, tensor } from "../Batches.ts"
import { draft, layoutOf, member, memory, named, ran, run, state, stepJob } from "./Steps.ts"

const failure = (exit: Exit.Exit<unknown, { readonly _tag: string; readonly message: string }>) => {
  if (Exit.isSuccess(exit)) return assert.fail("expected a failure")
  const reason = exit.cause.reasons[0]!
  return Cause.isFailReason(reason) ? reason.error : assert.fail(String(exit.cause))
}

describe("SequenceLayout, states", () => {
  it("gives a step the state that the one before it has left behind", () => {
    const layout = layoutOf([state()])
    const cell = layout.open()
    assert.isTrue(layout.stateful)
    assert.deepStrictEqual([1, 2, 3].map((value) => run(layout, [member(cell, value)])[0]), [1, 3, 6])
    cell.close()
  })

  it("keeps the states of a batch apart, whoever is beside whom", () => {
    const layout = layoutOf([state()])
    const [a, b, c] = [layout.open(), layout.open(), layout.open()]
    assert.deepStrictEqual(run(layout, [member(a, 1), member(b, 10)]), [1, 10])
    assert.deepStrictEqual(run(layout, [member(b, 20), member(c, 100), member(a, 2)]), [30, 100, 3])
    assert.deepStrictEqual(run(layout, [member(c, 100)]), [200])
  })

  it("stacks a state along the dimension that it names", () => {
    const layout = layoutOf([state({ dims: [2, 3], batchAxis: 1 })])
    const [a, b] = [layout.open(), layout.open()]
    run(layout, [member(a, 1), member(b, 10)], 1)
    const prepared = layout.prepare([member(b, 5), member(a, 7)])
    assert.deepStrictEqual([...named(prepared, "STATE").shape], [2, 2, 3])
    assert.deepStrictEqual(numbers(named(prepared, "STATE")), [10, 10, 10, 1, 1, 1, 10, 10, 10, 1, 1, 1])
    prepared.release()
    assert.deepStrictEqual(run(layout, [member(b, 5), member(a, 7)], 1), [15, 8])
  })

  it("keeps a state of a model without batches", () => {
    const layout = layoutOf([state({ dims: [2], batchAxis: BatchAxis.none })], draft({ max_batch_size: 0 }))
    const cell = layout.open()
    const alone = (value: number) => ({
      ...member(cell, value),
      job: stepJob(1n, [floats("INPUT", [1], [value])])
    })
    assert.deepStrictEqual([1, 2].map((value) => run(layout, [alone(value)], BatchAxis.none)[0]), [1, 3])
  })

  it("begins with the initial state, which nobody writes to", () => {
    const initial = new Uint8Array(Float32Array.of(100).buffer)
    const layout = layoutOf([state({ data: initial })])
    const [a, b] = [layout.open(), layout.open()]
    assert.strictEqual(a.bytes, 0)
    assert.deepStrictEqual(run(layout, [member(a, 1)]), [101])
    assert.deepStrictEqual(run(layout, [member(a, 1), member(b, 2)]), [102, 102])
    assert.deepStrictEqual([...new Float32Array(initial.buffer)], [100])
    assert.strictEqual(a.bytes, 4)
  })

  it("answers with what was asked for: the state only where it was", () => {
    const layout = layoutOf(
      [state()],
      draft({ output: [...draft().output!, { name: "STATE_NEXT", data_type: "TYPE_FP32", dims: [1] }] })
    )
    const cells = [layout.open(), layout.open()]
    const asking = [["OUTPUT"], ["STATE_NEXT", "OUTPUT"]]
    const names = (members: ReadonlyArray<number>) => {
      const prepared = layout.prepare(members.map((i) => member(cells[i]!, 1, { outputs: asking[i]! })))
      const shares = prepared.share(ran(prepared).value)
      prepared.release()
      return shares.map((exit) => Exit.isSuccess(exit) ? exit.value.outputs.map(({ name }) => name) : [])
    }
    assert.deepStrictEqual(names([0]), [["OUTPUT"]])
    assert.deepStrictEqual(names([1]), [["STATE_NEXT", "OUTPUT"]])
    assert.deepStrictEqual(names([0, 1]), asking)
    assert.deepStrictEqual(run(layout, cells.map((cell) => member(cell, 1))), [3, 3])
  })

  it("keeps nothing of a run that failed or was taken back", () => {
    const layout = layoutOf([state()])
    const cell = layout.open()
    run(layout, [member(cell, 1)])
    layout.prepare([member(cell, 5)]).release()
    assert.deepStrictEqual(run(layout, [member(cell, 2)]), [3])
  })

  it("keeps the state where the model leaves it out", () => {
    const layout = layoutOf([state()])
    const [a, b] = [layout.open(), layout.open()]
    run(layout, [member(a, 1), member(b, 2)])
    const prepared = layout.prepare([member(a, 5), member(b, 5)])
    const shares = prepared.share(result([floats("OUTPUT", [2, 1], [7, 8])]).value)
    prepared.release()
    assert.deepStrictEqual(
      shares.map((exit) => Exit.isSuccess(exit) ? exit.value.outputs.flatMap(numbers) : undefined),
      [[7], [8]]
    )
    assert.deepStrictEqual(run(layout, [member(a, 1), member(b, 1)]), [2, 3])
  })

  const wrong = [
    ["FP32 [2,2], expected FP32 [2,1]", floats("STATE_NEXT", [2, 2], [1, 2, 3, 4])],
    ["FP32 [1,1], expected FP32 [2,1]", floats("STATE_NEXT", [1, 1], [1])],
    ["FP32 [2], expected FP32 [2,1]", floats("STATE_NEXT", [2], [1, 2])],
    ["INT32 [2,1], expected FP32 [2,1]", tensor("STATE_NEXT", "INT32", [2, 1], Int32Array.of(1, 2))],
    ["4 bytes, expected 8 for FP32 [2,1]", floats("STATE_NEXT", [2, 1], [1])]
  ] as const
  for (const [message, output] of wrong) {
    it(`fails the steps of a model that gives ${message}`, () => {
      const layout = layoutOf([state()])
      const cells = [layout.open(), layout.open()]
      run(layout, cells.map((cell) => member(cell, 1)))
      const prepared = layout.prepare(cells.map((cell) => member(cell, 5)))
      const given = result([floats("OUTPUT", [2, 1], [6, 6]), output])
      for (const exit of prepared.share(given.value)) {
        const { _tag, message: text } = failure(exit)
        assert.strictEqual(_tag, "ExecutionFailed")
        assert.strictEqual(
          text,
          `model 'm' gave the output 'STATE_NEXT', the next state 'STATE' of its sequences, as ${message}; the sequences keep the ` +
            "states that they had"
        )
      }
      prepared.release()
      assert.strictEqual(given.released(), 1)
      assert.deepStrictEqual(run(layout, cells.map((cell) => member(cell, 1))), [2, 2])
    })
  }

  it("lets states of free dimensions grow, and only equal ones share a batch", () => {
    const layout = layoutOf([state({ dims: [-1] })])
    const [a, b] = [layout.open(), layout.open()]
    const same = () => layout.sameKey(layout.keyOf(member(a, 1).job, a), layout.keyOf(member(b, 1).job, b))
    assert.isTrue(same())
    const prepared = layout.prepare([member(a, 1)])
    prepared.share(result([floats("OUTPUT", [1, 1], [0]), floats("STATE_NEXT", [1, 3], [1, 2, 3])]).value)
    prepared.release()
    assert.isFalse(same())
    assert.deepStrictEqual(run(layout, [member(a, 1)]), [4])
    assert.strictEqual(a.bytes, 12)
  })

  it("keeps strings of any length", () => {
    const layout = layoutOf([state({ datatype: "BYTES", dims: [2], batchAxis: 1 })])
    const [a, b] = [layout.open(), layout.open()]
    const said = (texts: ReadonlyArray<string>) => {
      const prepared = layout.prepare([member(a, 1), member(b, 2)])
      const before = BytesElements.texts(named(prepared, "STATE").data)
      prepared.share(
        result([
          floats("OUTPUT", [2, 1], [0, 0]),
          tensor("STATE_NEXT", "BYTES", [2, 2], BytesElements.encode(texts))
        ]).value
      )
      prepared.release()
      return before
    }
    assert.deepStrictEqual(said(["a", "b", "longer", ""]), ["", "", "", ""])
    assert.deepStrictEqual(said(["c", "d", "e", "f"]), ["a", "b", "longer", ""])
    const alone = layout.prepare([member(b, 1)])
    assert.deepStrictEqual(BytesElements.texts(named(alone, "STATE").data), ["d", "f"])
    alone.release()
  })
})

describe("SequenceLayout, strings", () => {
  const encoded = BytesElements.encode(["a", "b"])
  for (
    const [message, data] of [
      ["1 strings, expected 2 for BYTES [2,1]", BytesElements.encode(["a"])],
      ["broken strings, expected 2 for BYTES [2,1]", encoded.slice(0, encoded.length - 1)]
    ] as const
  ) {
    it(`fails the steps of a model that gives ${message}`, () => {
      const layout = layoutOf([state({ datatype: "BYTES" })])
      const prepared = layout.prepare([member(layout.open(), 1), member(layout.open(), 1)])
      const given = result([floats("OUTPUT", [2, 1], [0, 0]), tensor("STATE_NEXT", "BYTES", [2, 1], data)])
      for (const exit of prepared.share(given.value)) assert.include(failure(exit).message, `as ${message};`)
      prepared.release()
    })
  }
})

describe("SequenceLayout, memory", () => {
  const width = 10_000
  const large = state({ dims: [width] })

  it("keeps large states in shared memory, which a run alone reads as it is", () => {
    const before = memory.usage().inUse
    const layout = layoutOf([large])
    const cell = layout.open()
    run(layout, [member(cell, 1)])
    assert.strictEqual(cell.bytes, width * 4)
    const prepared = layout.prepare([member(cell, 1)])
    const { data } = named(prepared, "STATE")
    assert.instanceOf(data.buffer, SharedArrayBuffer)
    assert.strictEqual(data, cell.tensors[0]!.data)
    prepared.release()
    run(layout, [member(cell, 1)])
    assert.strictEqual(cell.tensors[0]!.data, data)
    assert.isAbove(memory.usage().inUse, before)
    cell.close()
    cell.close()
    assert.strictEqual(cell.bytes, 0)
    assert.strictEqual(memory.usage().inUse, before)
  })

  it("frees a state that a batch still reads when the batch is over, and stores nothing after that", () => {
    const before = memory.usage().inUse
    const layout = layoutOf([large])
    const cell = layout.open()
    run(layout, [member(cell, 1)])
    const prepared = layout.prepare([member(cell, 1)])
    const { data } = named(prepared, "STATE")
    cell.close()
    const other = memory.acquire(width * 4)
    assert.notStrictEqual(other.bytes.buffer, data.buffer)
    other.release()
    const [share] = prepared.share(ran(prepared).value)
    assert.isTrue(Exit.isSuccess(share!))
    prepared.release()
    prepared.release()
    assert.strictEqual(cell.bytes, 0)
    assert.strictEqual(memory.usage().inUse, before)
  })

  it("takes no memory for a sequence that is over", () => {
    const before = memory.usage().inUse
    const layout = layoutOf([large])
    const cell = layout.open()
    const prepared = layout.prepare([member(cell, 1)])
    const given = ran(prepared)
    prepared.release()
    cell.close()
    prepared.share(given.value)
    assert.strictEqual(cell.bytes, 0)
    assert.strictEqual(memory.usage().inUse, before)
  })

  it("pins no result: what a step leaves behind is a copy", () => {
    const layout = layoutOf([state()])
    const cell = layout.open()
    const prepared = layout.prepare([member(cell, 1)])
    const given = ran(prepared)
    const [share] = prepared.share(given.value)
    prepared.release()
    if (Exit.isSuccess(share!)) share.value.release()
    assert.strictEqual(given.released(), 1)
    for (const output of given.value.outputs) output.data.fill(255)
    assert.deepStrictEqual(run(layout, [member(cell, 2)]), [3])
  })
})

describe("SequenceLayout, rows of nobody", () => {
  it("have the shapes of the first step and zeros, and touch no state", () => {
    const layout = layoutOf([state({ dims: [2] })])
    const [a, b] = [layout.open(), layout.open()]
    run(layout, [member(a, 1), member(b, 2)])
    const prepared = layout.prepare([undefined, member(a, 5), undefined, member(b, 7)])
    assert.strictEqual(prepared.rows, 4)
    assert.deepStrictEqual(numbers(named(prepared, "INPUT")), [0, 5, 0, 7])
    assert.deepStrictEqual(numbers(named(prepared, "STATE")), [0, 0, 1, 1, 0, 0, 2, 2])
    prepared.release()
    assert.deepStrictEqual(run(layout, [undefined, member(a, 5), undefined, member(b, 7)]), [6, 9])
    assert.deepStrictEqual(run(layout, [member(b, 1), member(a, 1)]), [10, 7])
  })

  it("release the result with the last answer", () => {
    const layout = layoutOf([])
    const cell = layout.open()
    const prepared = layout.prepare([undefined, member(cell, 5)])
    const given = result([floats("OUTPUT", [2, 1], [1, 2])])
    const [share] = prepared.share(given.value)
    assert.strictEqual(given.released(), 0)
    if (Exit.isSuccess(share!)) {
      assert.deepStrictEqual(numbers(share.value.outputs[0]!), [2])
      share.value.release()
    }
    assert.strictEqual(given.released(), 1)
  })

  it("share what a batch shares, and have empty strings", () => {
    const layout = layoutOf(
      [],
      draft({
        input: [
          { name: "TEXT", data_type: "TYPE_STRING", dims: [2] },
          { name: "RATE", data_type: "TYPE_FP32", dims: [1] }
        ],
        parameters: { "galatea.shared.RATE": { string_value: "true" } }
      })
    )
    const step = {
      ...member(layout.open(), 0),
      job: stepJob(1n, [
        tensor("TEXT", "BYTES", [1, 2], BytesElements.encode(["a", "b"])),
        floats("RATE", [1], [16])
      ])
    }
    const prepared = layout.prepare([undefined, step])
    assert.deepStrictEqual(BytesElements.texts(named(prepared, "TEXT").data), ["", "", "a", "b"])
    assert.deepStrictEqual(numbers(named(prepared, "RATE")), [16])
    prepared.release()
  })
})
