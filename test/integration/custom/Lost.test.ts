/** Sequences whose instance ends in the middle of them: real threads, ended by the model itself. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import * as Child from "../cli/Child.ts"
import { model, numbers, start, step } from "./Running.ts"

/** Ends its thread at -1 the first time, for which it leaves a mark in a file; -1 counts as 1 from then on. */
const source = (mark: string, states: boolean) =>
  `import { existsSync, writeFileSync } from "node:fs"
   import { Tensor } from "galatea/custom"
   const own = new Map()
   const number = (tensor, row) => Number(Tensor.values(tensor, tensor.datatype)[row])
   export default ({ CORRID, S, X }) => {
     const rows = X.shape[0]
     for (let row = 0; row < rows; row++) {
       if (number(X, row) !== -1 || existsSync(${JSON.stringify(mark)})) continue
       writeFileSync(${JSON.stringify(mark)}, "")
       process.exit(1)
     }
     const sums = Float32Array.from({ length: rows }, (_, row) => {
       const before = S === undefined ? own.get(number(CORRID, row)) ?? 0 : number(S, row)
       return before + Math.abs(number(X, row))
     })
     for (let row = 0; row < rows; row++) own.set(CORRID === undefined ? 0 : number(CORRID, row), sums[row])
     const outputs = [Tensor.from("Y", X.shape, sums)]
     return ${states ? "{ outputs, states: [Tensor.from(\"S_OUT\", X.shape, sums)] }" : "outputs"}
   }
  `

const keeps = "state [ { input_name: \"S\" output_name: \"S_OUT\" data_type: TYPE_FP32 dims: [ 1 ] } ]"
const isTold =
  "control_input [ { name: \"CORRID\" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } ] } ]"

const serve = Effect.fnUntraced(function*(batching: string, states: boolean) {
  const marks = yield* Child.folder({})
  return yield* start({
    sum: model(
      `max_batch_size: 4 ${numbers}
       sequence_batching { oldest { } max_sequence_idle_microseconds: 600000000 ${batching} }
       instance_group { count: 2 kind: KIND_CPU }`,
      source(join(marks, "ended"), states)
    )
  })
})

/** The answers to one step of each sequence, all sent at once. */
const round = (
  url: string,
  values: ReadonlyArray<number>,
  flags: { readonly start?: boolean; readonly end?: boolean }
) => Effect.forEach(values, (value, i) => step(url, "sum", 1 + i, value, flags), { concurrency: "unbounded" })

const sumsOf = Effect.map((answers: Effect.Success<ReturnType<typeof round>>) =>
  answers.map(({ error, outputs }) => error ?? outputs["Y"]![0])
)

describe("an instance that is lost in the middle of sequences", () => {
  it.live("costs none of them a step where the server keeps their states", () =>
    Effect.gen(function*() {
      const url = yield* serve(keeps, true)
      assert.deepStrictEqual(yield* sumsOf(round(url, [1, 2, 3, 4], { start: true })), [1, 2, 3, 4])
      assert.deepStrictEqual(yield* sumsOf(round(url, [10, -1, 30, 40], {})), [11, 3, 33, 44])
      assert.deepStrictEqual(yield* sumsOf(round(url, [5, 5, 5, 5], { end: true })), [16, 8, 38, 49])
    }).pipe(Effect.scoped))

  it.live("loses those that only it knew, and says so until they begin again", () =>
    Effect.gen(function*() {
      const url = yield* serve(isTold, false)
      // The free slot of the lowest number over both instances: two of them live on each.
      assert.deepStrictEqual(yield* sumsOf(round(url, [1, 2, 3, 4], { start: true })), [1, 2, 3, 4])
      const lost = yield* step(url, "sum", 2, -1)
      assert.strictEqual(lost.status, 409)
      assert.include(lost.error, "sequence 2")
      const answers = yield* round(url, [5, 5, 5, 5], {})
      assert.deepStrictEqual(answers.filter(({ status }) => status === 409).length, 2)
      const living = answers.flatMap(({ outputs, status }, i) => status === 200 ? [[i, outputs["Y"]![0]]] : [])
      for (const [i, sum] of living) assert.strictEqual(sum, Number(i) + 1 + 5, "nothing was begun again silently")
      assert.deepStrictEqual(
        yield* sumsOf(round(url, [7, 7, 7, 7], { start: true, end: true })).pipe(
          Effect.map((sums) => sums.length)
        ),
        4
      )
    }).pipe(Effect.scoped))
})
