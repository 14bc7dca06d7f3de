import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import type { Draft } from "../../src/schema/ModelConfig.ts"
import { floats, job, numbers, result, tensor } from "./Batches.ts"
import { queueOptions } from "./QueueOptions.ts"

const memory = SharedTensorMemory.make()
const layoutOf = (draft: Draft) => BatchLayout.make({ ...queueOptions("m", draft), memory })

type Type = "TYPE_FP32" | "TYPE_INT32" | "TYPE_STRING"
const io = (name: string, dims: ReadonlyArray<number>, data_type: Type = "TYPE_FP32") => ({ name, data_type, dims })
const parameter = (string_value: string) => ({ string_value })

const parts = (results: ReadonlyArray<Result.Result<BatchLayout.Part, unknown>>) => results.map(Result.getOrThrow)

describe("BatchLayout, what may share a batch", () => {
  it("has no key where all dims are fixed", () => {
    const { keyOf, sameKey } = layoutOf({ max_batch_size: 8, input: [io("A", [16]), io("B", [])] })
    const key = keyOf(job(2, [floats("A", [2, 16], Array(32).fill(0)), floats("B", [2], [1, 2])]))
    assert.isUndefined(key)
    assert.isTrue(sameKey(key, undefined))
  })

  it("compares free dimensions, and not the batch", () => {
    const { keyOf, sameKey } = layoutOf({ max_batch_size: 8, input: [io("A", [2]), io("B", [-1, 2])] })
    const key = (rows: number, width: number) =>
      keyOf(job(rows, [floats("A", [rows, 2], []), floats("B", [rows, width, 2], [])]))
    assert.isTrue(sameKey(key(1, 3), key(4, 3)))
    assert.isFalse(sameKey(key(1, 3), key(1, 4)))
  })

  it("compares around a batch dimension that is not the first", () => {
    const { keyOf, sameKey } = layoutOf({
      max_batch_size: 8,
      input: [io("A", [-1, -1])],
      parameters: { "galatea.batch_dim.A": parameter("1") }
    })
    const key = (...shape: ReadonlyArray<number>) => keyOf(job(shape[1]!, [floats("A", shape, [])]))
    assert.isTrue(sameKey(key(3, 1, 5), key(3, 7, 5)))
    assert.isFalse(sameKey(key(3, 1, 5), key(1, 3, 5)))
    assert.isFalse(sameKey(key(3, 1, 5), key(3, 1, 6)))
  })

  it("ignores the shape of ragged inputs", () => {
    const { keyOf } = layoutOf({ max_batch_size: 8, input: [{ ...io("A", [-1]), allow_ragged_batch: true }] })
    assert.isUndefined(keyOf(job(1, [floats("A", [1, 3], [1, 2, 3])])))
  })

  it("compares the contents of shared tensors, small and large", () => {
    const { keyOf, sameKey } = layoutOf({
      max_batch_size: 8,
      input: [io("A", [1]), io("B", [-1])],
      parameters: { "galatea.shared.B": parameter("true") }
    })
    const key = (values: ReadonlyArray<number>) =>
      keyOf(job(1, [floats("A", [1], [0]), floats("B", [values.length], values)]))
    assert.isTrue(sameKey(key([1, 2]), key([1, 2])))
    assert.isFalse(sameKey(key([1, 2]), key([1, 3])))
    assert.isFalse(sameKey(key([1, 2]), key([1, 2, 3])))
    const long = Array.from({ length: 100 }, (_, i) => i)
    assert.isTrue(sameKey(key(long), key([...long])))
    assert.isFalse(sameKey(key(long), key(long.with(99, 0))))
  })

  it("compares which optional inputs are given", () => {
    const { keyOf, sameKey } = layoutOf({
      max_batch_size: 8,
      input: [io("A", [1]), { ...io("B", [1]), optional: true }, { ...io("C", [1]), optional: true }]
    })
    const key = (...names: ReadonlyArray<string>) => keyOf(job(1, names.map((name) => floats(name, [1, 1], [0]))))
    assert.isTrue(sameKey(key("A", "B"), key("B", "A")))
    assert.isFalse(sameKey(key("A", "B"), key("A", "C")))
    assert.isFalse(sameKey(key("A", "B"), key("A")))
  })

  it("has no key for a model that does not batch", () => {
    assert.isUndefined(layoutOf({ input: [io("A", [-1])] }).keyOf(job(1, [floats("A", [2], [1, 2])])))
  })
})

describe("BatchLayout, gathering", () => {
  const plain: Draft = {
    max_batch_size: 8,
    input: [io("A", [2]), io("S", [-1], "TYPE_STRING")],
    output: [io("Y", [1])]
  }

  it("passes a single request through untouched", () => {
    const layout = layoutOf(plain)
    const only = job(2, [floats("A", [2, 2], [1, 2, 3, 4]), tensor("S", "BYTES", [2, 0], new Uint8Array())], ["Y"])
    const batch = layout.gather([only])
    assert.isTrue(layout.passesAlone)
    assert.strictEqual(batch.inputs, only.inputs)
    assert.strictEqual(batch.outputs, only.outputs)
    assert.strictEqual(batch.rows, 2)
  })

  it("stacks rows in shared memory, aligned, and gives the memory back", () => {
    const layout = layoutOf(plain)
    const strings = (text: string) => Uint8Array.of(text.length, 0, 0, 0, ...new TextEncoder().encode(text))
    const before = memory.usage().inUse
    const batch = layout.gather([
      job(1, [floats("A", [1, 2], [1, 2]), tensor("S", "BYTES", [1, 1], strings("abc"))], ["Y"]),
      job(2, [
        tensor("S", "BYTES", [2, 1], Uint8Array.of(...strings(""), ...strings("de"))),
        floats("A", [2, 2], [3, 4, 5, 6])
      ], ["Y"])
    ])
    const [a, s] = batch.inputs
    assert.deepStrictEqual(batch.inputs.map(({ name, shape }) => [name, ...shape]), [["A", 3, 2], ["S", 3, 1]])
    assert.deepStrictEqual(numbers(a!), [1, 2, 3, 4, 5, 6])
    assert.deepStrictEqual([...s!.data], [...strings("abc"), ...strings(""), ...strings("de")])
    assert.strictEqual(batch.rows, 3)
    for (const { data } of batch.inputs) {
      assert.instanceOf(data.buffer, SharedArrayBuffer)
      assert.strictEqual(data.byteOffset % 64, 0)
    }
    assert.isAbove(memory.usage().inUse, before)
    batch.release()
    assert.strictEqual(memory.usage().inUse, before)
  })

  it("asks for the outputs of all", () => {
    const layout = layoutOf({ ...plain, output: [io("X", [1]), io("Y", [1]), io("Z", [1])] })
    const asking = (...outputs: ReadonlyArray<string>) =>
      job(1, [floats("A", [1, 2], [0, 0]), tensor("S", "BYTES", [1, 0], new Uint8Array())], outputs)
    const jobs = [asking("Y"), asking("X", "Y")]
    const batch = layout.gather(jobs)
    assert.deepStrictEqual([...batch.outputs].sort(), ["X", "Y"])
    const run = result(batch.outputs.map((name) => floats(name, [2, 1], name === "X" ? [1, 2] : [3, 4])))
    const [first, second] = parts(layout.scatter(jobs, batch, run.value))
    assert.deepStrictEqual(first!.outputs.map((output) => [output.name, ...numbers(output)]), [["Y", 3]])
    assert.deepStrictEqual(second!.outputs.map((output) => [output.name, ...numbers(output)]), [["X", 2], ["Y", 4]])
  })

  it("passes what the batch shares once, in and out", () => {
    const layout = layoutOf({
      max_batch_size: 8,
      input: [io("A", [1]), io("B", [1])],
      output: [io("Y", [1])],
      parameters: { "galatea.shared.B": parameter("true"), "galatea.shared.Y": parameter("true") }
    })
    const shared = floats("B", [1], [9])
    const jobs = [1, 2].map((value) => job(1, [floats("A", [1, 1], [value]), shared], ["Y"]))
    const batch = layout.gather(jobs)
    assert.deepStrictEqual(batch.inputs.map((input) => [input.name, ...numbers(input)]), [["B", 9], ["A", 1, 2]])
    const given = layout.scatter(jobs, batch, result([floats("Y", [1], [5])]).value)
    assert.deepStrictEqual(parts(given).map(({ outputs }) => numbers(outputs[0]!)), [[5], [5]])
  })
})

describe("BatchLayout, scattering", () => {
  const layout = layoutOf({ max_batch_size: 8, input: [io("A", [1])], output: [io("X", [2]), io("Y", [1])] })
  const jobs = [1, 2, 1].map((rows) => job(rows, [floats("A", [rows, 1], Array(rows).fill(0))], ["X", "Y"]))
  const batch = layout.gather(jobs)
  const x = floats("X", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])

  it("gives each its rows as views, and releases the result after the last", () => {
    const run = result([x, floats("Y", [4, 1], [1, 2, 3, 4])])
    const given = parts(layout.scatter(jobs, batch, run.value))
    assert.deepStrictEqual(given.map(({ outputs }) => numbers(outputs[0]!)), [[1, 2], [3, 4, 5, 6], [7, 8]])
    assert.deepStrictEqual(given.map(({ outputs }) => [...outputs[1]!.shape]), [[1, 1], [2, 1], [1, 1]])
    for (const { outputs } of given) assert.strictEqual(outputs[0]!.data.buffer, x.data.buffer)
    given[1]!.release()
    given[1]!.release()
    given[0]!.release()
    assert.strictEqual(run.released(), 0)
    given[2]!.release()
    given[2]!.release()
    assert.strictEqual(run.released(), 1)
  })

  it("gives what the model has given, where it leaves outputs out", () => {
    const run = result([floats("Y", [4, 1], [1, 2, 3, 4])])
    const given = parts(layout.scatter(jobs, batch, run.value))
    assert.deepStrictEqual(
      given.map(({ outputs }) => outputs.map((output) => [output.name, ...numbers(output)])),
      [[["Y", 1]], [["Y", 2, 3]], [["Y", 4]]]
    )
  })

  it("drops rows that belong to nobody", () => {
    const run = result([floats("X", [5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), floats("Y", [4, 1], [1, 2, 3, 4])])
    const given = parts(layout.scatter(jobs, batch, run.value))
    assert.deepStrictEqual(given.map(({ outputs }) => numbers(outputs[0]!)), [[1, 2], [3, 4, 5, 6], [7, 8]])
  })

  it("fails for who asked for an output that has too few rows, and releases for them", () => {
    const mixed = [jobs[0]!, job(2, jobs[1]!.inputs, ["Y"])]
    const batch = layout.gather(mixed)
    const run = result(
      batch.outputs.map((name) => name === "X" ? floats("X", [1, 2], [1, 2]) : floats("Y", [3, 1], [1, 2, 3]))
    )
    const [first, second] = layout.scatter(mixed, batch, run.value)
    assert.isTrue(Result.isFailure(first!))
    if (Result.isFailure(first!)) {
      assert.strictEqual(first.failure._tag, "Unsupported")
      assert.strictEqual(
        first.failure.message,
        "failed to split the output tensor 'X' in responses: expected batch size of at least 3 in model output, got 1"
      )
    }
    assert.strictEqual(run.released(), 0)
    const part = Result.getOrThrow(second!)
    assert.deepStrictEqual(numbers(part.outputs[0]!), [2, 3])
    part.release()
    assert.strictEqual(run.released(), 1)
  })

  it("fails for all where an output has no batch at all, and releases the result", () => {
    const run = result([floats("X", [], [1]), floats("Y", [4, 1], [1, 2, 3, 4])])
    assert.isTrue(layout.scatter(jobs, batch, run.value).every(Result.isFailure))
    assert.strictEqual(run.released(), 1)
  })
})

describe("BatchLayout, ragged inputs and batch_input", () => {
  const ragged = (batch_input: Draft["batch_input"] = [], rest: Draft = {}): Draft => ({
    max_batch_size: 8,
    input: [{ ...io("A", [-1]), allow_ragged_batch: true }],
    output: [io("Y", [-1])],
    batch_input,
    ...rest
  })
  const of = (rows: number, ...values: ReadonlyArray<number>) =>
    job(rows, [floats("A", [rows, values.length / rows], values)], ["Y"])

  it("lays requests one behind the other, flat, a single one too", () => {
    const layout = layoutOf(ragged())
    assert.isFalse(layout.passesAlone)
    const several = layout.gather([of(1, 1, 2, 3), of(2, 4, 5), of(1)])
    assert.deepStrictEqual([...several.inputs[0]!.shape], [5])
    assert.deepStrictEqual(numbers(several.inputs[0]!), [1, 2, 3, 4, 5])
    const one = of(2, 1, 2, 3, 4)
    const alone = layout.gather([one])
    assert.deepStrictEqual([...alone.inputs[0]!.shape], [4])
    assert.strictEqual(alone.inputs[0]!.data, one.inputs[0]!.data)
  })

  const cases = [
    ["BATCH_ELEMENT_COUNT", [3], [3, 4, 2]],
    ["BATCH_ACCUMULATED_ELEMENT_COUNT", [3], [3, 7, 9]],
    ["BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", [4], [0, 3, 7, 9]],
    ["BATCH_MAX_ELEMENT_COUNT_AS_SHAPE", [4], [0, 0, 0, 0]],
    ["BATCH_ITEM_SHAPE", [4, 1], [3, 2, 2, 2]],
    ["BATCH_ITEM_SHAPE_FLATTEN", [4], [3, 2, 2, 2]]
  ] as const
  for (const [kind, shape, values] of cases) {
    for (const type of ["FP32", "INT32"] as const) {
      it(`tells the sizes of a batch: ${kind} as ${type}`, () => {
        const layout = layoutOf(
          ragged([{ kind, target_name: ["T"], data_type: `TYPE_${type}`, source_input: ["A"] }])
        )
        const batch = layout.gather([of(1, 1, 2, 3), of(2, 1, 2, 3, 4), of(1, 5, 6)])
        const target = batch.inputs.find(({ name }) => name === "T")!
        assert.strictEqual(target.datatype, type)
        assert.deepStrictEqual([...target.shape], [...shape])
        assert.deepStrictEqual(numbers(target), [...values])
      })
    }
  }

  it("tells the shape of every row", () => {
    const layout = layoutOf({
      max_batch_size: 8,
      input: [{ ...io("A", [-1, -1]), allow_ragged_batch: true }],
      batch_input: [{ kind: "BATCH_ITEM_SHAPE", target_name: ["T"], data_type: "TYPE_INT32", source_input: ["A"] }]
    })
    const { inputs } = layout.gather([
      job(2, [floats("A", [2, 1, 2], [1, 2, 3, 4])]),
      job(1, [floats("A", [1, 2, 2], [1, 2, 3, 4])])
    ])
    assert.deepStrictEqual([...inputs[1]!.shape], [3, 2])
    assert.deepStrictEqual(numbers(inputs[1]!), [1, 2, 1, 2, 2, 2])
  })

  it("overwrites what the memory held before", () => {
    const layout = layoutOf(
      ragged([{
        kind: "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE",
        target_name: ["T"],
        data_type: "TYPE_FP32",
        source_input: ["A"]
      }])
    )
    const used = memory.acquire(4096)
    used.bytes.fill(255)
    used.release()
    assert.deepStrictEqual(numbers(layout.gather([of(1, 7, 8)]).inputs[1]!), [0, 0])
  })

  const scattering: Draft = {
    batch_output: [{ kind: "BATCH_SCATTER_WITH_INPUT_SHAPE", target_name: ["Y"], source_input: ["A"] }]
  }

  it("cuts a flat output by the shapes of the requests", () => {
    const layout = layoutOf(ragged([], scattering))
    const jobs = [of(1, 1, 2, 3), of(2, 4, 5)]
    const batch = layout.gather(jobs)
    const given = parts(layout.scatter(jobs, batch, result([floats("Y", [5], [1, 2, 3, 4, 5])]).value))
    assert.deepStrictEqual(given.map(({ outputs }) => [...outputs[0]!.shape]), [[1, 3], [2, 1]])
    assert.deepStrictEqual(given.map(({ outputs }) => numbers(outputs[0]!)), [[1, 2, 3], [4, 5]])
    const alone = parts(layout.scatter([jobs[1]!], layout.gather([jobs[1]!]), result([floats("Y", [2], [4, 5])]).value))
    assert.deepStrictEqual([...alone[0]!.outputs[0]!.shape], [2, 1])
  })

  it("fails for all where a flat output is too short", () => {
    const layout = layoutOf(ragged([], scattering))
    const jobs = [of(1, 1, 2, 3), of(2, 4, 5)]
    const run = result([floats("Y", [4], [1, 2, 3, 4])])
    const [first] = layout.scatter(jobs, layout.gather(jobs), run.value)
    assert.isTrue(Result.isFailure(first!))
    if (Result.isFailure(first!)) {
      assert.strictEqual(
        first.failure.message,
        "failed to split the output tensor 'Y' in responses: expected element count of at least 5 in model output, got 4"
      )
    }
    assert.strictEqual(run.released(), 1)
  })

  it("flattens for a model without a batch dimension as well", () => {
    const layout = layoutOf(ragged(
      [{ kind: "BATCH_ITEM_SHAPE_FLATTEN", target_name: ["T"], data_type: "TYPE_INT32", source_input: ["A"] }],
      { max_batch_size: 0, ...scattering }
    ))
    const jobs = [job(1, [floats("A", [3], [1, 2, 3])], ["Y"])]
    const batch = layout.gather(jobs)
    assert.deepStrictEqual(batch.inputs.map((input) => numbers(input)), [[1, 2, 3], [3]])
    const given = parts(layout.scatter(jobs, batch, result([floats("Y", [3], [4, 5, 6])]).value))
    assert.deepStrictEqual([...given[0]!.outputs[0]!.shape], [3])
  })
})
