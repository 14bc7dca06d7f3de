import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import * as DataType from "../../src/schema/DataType.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import type { Draft } from "../../src/schema/ModelConfig.ts"
import { job, result } from "./Batches.ts"
import { queueOptions } from "./QueueOptions.ts"

/** A tensor as a list of elements, each its bytes, so that the expectations need no arithmetic on bytes. */
interface Elements {
  readonly shape: ReadonlyArray<number>
  readonly elements: ReadonlyArray<Uint8Array>
}

const size = (shape: ReadonlyArray<number>): number => shape.reduce((product, dim) => product * dim, 1)

const bytesOf = (elements: ReadonlyArray<Uint8Array>): Uint8Array =>
  Uint8Array.from(elements.flatMap((each) => [...each]))

const element = (datatype: DataType.DataType): fc.Arbitrary<Uint8Array> => {
  const byteSize = DataType.byteSize(datatype)
  return byteSize > 0
    ? fc.uint8Array({ minLength: byteSize, maxLength: byteSize })
    : fc.uint8Array({ maxLength: 200 }).map((text) => Uint8Array.of(text.length, 0, 0, 0, ...text))
}

/** The stacked tensor, element by element: the place of each follows from its indices. */
const stacked = (axis: number, parts: ReadonlyArray<Elements>): Elements => {
  const rows = parts.flatMap(({ shape }, part) => Array.from({ length: shape[axis]! }, (_, row) => ({ part, row })))
  const shape = parts[0]!.shape.with(axis, rows.length)
  const elements = Array.from({ length: size(shape) }, (_, flat) => {
    let left = flat
    const indices = shape.map((_, d) => {
      const stride = size(shape.slice(d + 1))
      const index = Math.floor(left / stride)
      left -= index * stride
      return index
    })
    const { part, row } = rows[indices[axis]!]!
    const own = parts[part]!
    return own.elements[indices.with(axis, row).reduce((at, index, d) => at * own.shape[d]! + index, 0)]!
  })
  return { shape, elements }
}

interface Case {
  readonly datatype: DataType.DataType
  readonly dims: ReadonlyArray<number>
  readonly axis: number
  readonly requests: ReadonlyArray<Elements>
}

const cases: fc.Arbitrary<Case> = fc.record({
  datatype: fc.constantFrom(...DataType.table.map(({ name }) => name)),
  dims: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
  place: fc.nat(3),
  rows: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
}).chain(({ datatype, dims, place, rows }) => {
  const axis = place % (dims.length + 1)
  return fc.tuple(...rows.map((count) => {
    const shape = dims.toSpliced(axis, 0, count)
    return fc.array(element(datatype), { minLength: size(shape), maxLength: size(shape) })
      .map((elements) => ({ shape, elements }))
  })).map((requests) => ({ datatype, dims, axis, requests }))
})

const tensor = (name: string, datatype: DataType.DataType, { elements, shape }: Elements): Tensor => {
  // At an odd place of its memory, as tensors of a JSON body may be.
  const data = bytesOf(elements)
  const moved = new Uint8Array(data.length + 3).subarray(3)
  moved.set(data)
  return { name, datatype, shape, data: moved }
}

const memory = SharedTensorMemory.make()

const layoutOf = ({ axis, datatype, dims }: Case, rest: Draft = {}) => {
  const data_type = DataType.fromName(datatype)!.configName
  return BatchLayout.make({
    ...queueOptions("m", {
      max_batch_size: 100,
      input: [{ name: "A", data_type, dims }],
      output: [{ name: "Y", data_type, dims }],
      parameters: {
        "galatea.batch_dim.A": { string_value: `${axis}` },
        "galatea.batch_dim.Y": { string_value: `${axis}` }
      },
      ...rest
    }),
    memory
  })
}

const jobsOf = ({ axis, datatype, requests }: Case) =>
  requests.map((request) => job(request.shape[axis]!, [tensor("A", datatype, request)], ["Y"]))

describe("BatchLayout", () => {
  it("stacks along any dimension, and gives each its own bytes back", () => {
    fc.assert(
      fc.property(cases, (one) => {
        const layout = layoutOf(one)
        const jobs = jobsOf(one)
        const batch = layout.gather(jobs)
        const expected = stacked(one.axis, one.requests)
        const [input] = batch.inputs
        assert.deepStrictEqual([...input!.shape], [...expected.shape])
        assert.deepStrictEqual([...input!.data], [...bytesOf(expected.elements)])
        assert.strictEqual(batch.rows, expected.shape[one.axis])

        const run = result([{ ...input!, name: "Y" }])
        const parts = layout.scatter(jobs, batch, run.value).map(Result.getOrThrow)
        for (const [index, request] of one.requests.entries()) {
          const output = parts[index]!.outputs[0]!
          assert.deepStrictEqual([...output.shape], [...request.shape])
          assert.deepStrictEqual([...output.data], [...bytesOf(request.elements)])
          parts[index]!.release()
        }
        assert.strictEqual(run.released(), 1)
        batch.release()
        assert.strictEqual(memory.usage().inUse, 0)
      }),
      { numRuns: 300 }
    )
  })

  it("lets a model give more rows than it got", () => {
    fc.assert(fc.property(cases, (one) => {
      const jobs = jobsOf(one)
      const [first] = one.requests
      const surplus = stacked(one.axis, [...one.requests, first!])
      const layout = layoutOf(one)
      const batch = layout.gather(jobs)
      // A single request is not divided here: whoever answers it takes its rows.
      if (jobs.length > 1) {
        const parts = layout.scatter(jobs, batch, result([tensor("Y", one.datatype, surplus)]).value)
        for (const [index, request] of one.requests.entries()) {
          const output = Result.getOrThrow(parts[index]!).outputs[0]!
          assert.deepStrictEqual([...output.data], [...bytesOf(request.elements)])
        }
      }
      batch.release()
    }))
  })

  it("gives each its own elements of a ragged batch back", () => {
    const ragged: fc.Arbitrary<Case> = fc.record({
      datatype: fc.constantFrom(...DataType.table.map(({ name }) => name)),
      shapes: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 6 })), {
        minLength: 1,
        maxLength: 5
      })
    }).chain(({ datatype, shapes }) =>
      fc.tuple(...shapes.map((shape) =>
        fc.array(element(datatype), { minLength: size(shape), maxLength: size(shape) })
          .map((elements) => ({ shape, elements }))
      )).map((requests) => ({ datatype, dims: [-1], axis: 0, requests }))
    )
    fc.assert(fc.property(ragged, (one) => {
      const data_type = DataType.fromName(one.datatype)!.configName
      const layout = layoutOf(one, {
        input: [{ name: "A", data_type, dims: [-1], allow_ragged_batch: true }],
        batch_output: [{ target_name: ["Y"], source_input: ["A"] }],
        parameters: {}
      })
      const jobs = jobsOf(one)
      const batch = layout.gather(jobs)
      const flat = one.requests.flatMap(({ elements }) => elements)
      assert.deepStrictEqual([...batch.inputs[0]!.shape], [flat.length])
      assert.deepStrictEqual([...batch.inputs[0]!.data], [...bytesOf(flat)])
      const parts = layout.scatter(jobs, batch, result([{ ...batch.inputs[0]!, name: "Y" }]).value)
      for (const [index, request] of one.requests.entries()) {
        const output = Result.getOrThrow(parts[index]!).outputs[0]!
        assert.deepStrictEqual([...output.shape], [...request.shape])
        assert.deepStrictEqual([...output.data], [...bytesOf(request.elements)])
      }
      batch.release()
    }))
  })
})
