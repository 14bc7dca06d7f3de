import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import type { Batch } from "../../src/layers/scheduling/internal/Batch.ts"
import * as BatchAnswers from "../../src/layers/scheduling/internal/BatchAnswers.ts"
import { Entry } from "../../src/layers/scheduling/internal/Entry.ts"
import { Level } from "../../src/layers/scheduling/internal/Level.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { Unsupported } from "../../src/schema/Errors.ts"

const entry = (order: number, arrivedAt: number, batchSize: number) =>
  new Entry(
    { inputs: [], outputs: [], batchSize, priority: 0, timeoutMicros: 0, deadlineMicros: 0 },
    order,
    arrivedAt,
    new Level(0, undefined),
    undefined,
    () => {}
  )

const batchOf = (entries: ReadonlyArray<Entry>, rows: number): Batch => ({
  entries,
  rows,
  release: () => {},
  run: undefined,
  begun: true,
  isTraced: false,
  instance: undefined,
  begunAt: 0,
  place: -1,
  answers: undefined
})

const release = () => {}
const share = Exit.succeed({ outputs: [], release })
const noShare = Exit.fail(new Unsupported({ message: "one row is missing" }))
const result = {
  outputs: [],
  begunAtNanos: 500,
  computeInputNanos: 10,
  computeInferNanos: 100,
  computeOutputNanos: 1,
  release
}

describe("BatchAnswers", () => {
  it("count those who have no share of a run as failed, and the others as answered", () => {
    const books = new Books("m", 1, () => 7)
    const batch = batchOf([entry(0, 100, 2), entry(1, 200, 3), entry(2, 600, 1)], 8)
    const answers = BatchAnswers.ofResult(batch, result, [share, noShare, share], 1000, books)
    assert.deepStrictEqual(answers.map(Exit.isSuccess), [true, false, true])
    assert.deepStrictEqual(answers[1], noShare)
    assert.deepStrictEqual(answers.map((answer) => Exit.isSuccess(answer) ? answer.value.queueNanos : undefined), [
      400,
      undefined,
      0
    ])
    const counts = books.counts()
    assert.deepStrictEqual([counts.executionCount, counts.batches[0]!.batchSize, counts.inferenceCount], [1, 8, 3])
    assert.deepStrictEqual(counts.success, { count: 2, nanos: 1300n })
    assert.deepStrictEqual(counts.queue, { count: 2, nanos: 400n })
    assert.deepStrictEqual(counts.computeInfer, { count: 2, nanos: 200n })
    assert.deepStrictEqual(counts.fail, { count: 1, nanos: 800n })
    assert.strictEqual(counts.failures.BACKEND, 1)
  })

  it("answer nobody where no request has a share", () => {
    const books = new Books("m", 1, () => 7)
    BatchAnswers.ofResult(batchOf([entry(0, 100, 2)], 2), result, [noShare], 1000, books)
    const counts = books.counts()
    assert.deepStrictEqual([counts.executionCount, counts.inferenceCount, counts.success.count], [1, 0, 0])
    assert.deepStrictEqual(counts.computeInfer, { count: 0, nanos: 0n })
  })
})
