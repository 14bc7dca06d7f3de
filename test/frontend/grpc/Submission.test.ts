import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Metadata } from "../../../src/layers/frontend/internal/grpc/Metadata.ts"
import * as InferRequestReader from "../../../src/layers/frontend/internal/grpc/rpcs/infer/InferRequestReader.ts"
import * as Submission from "../../../src/layers/frontend/internal/grpc/rpcs/infer/Submission.ts"
import { Deadline } from "../../../src/layers/frontend/internal/infer/Deadline.ts"
import * as Messages from "./Messages.ts"

const prepare = (
  draft: Messages.Request,
  acquire: (byteLength: number) => Uint8Array,
  deadline?: Deadline
) =>
  Submission.prepare(
    { forward: undefined, clientTensors: () => assert.fail("no tensor lies in shared memory") },
    { metadata: new Metadata([]), deadline },
    InferRequestReader.read(Messages.request(draft)),
    acquire
  )

const typed = (count: number): Messages.Request => ({
  inputs: [{
    name: "X",
    datatype: "FP64",
    shape: [count],
    contents: { fp64_contents: Array.from({ length: count }, () => 1) }
  }]
})

const never = (): never => {
  throw new RangeError("Array buffer allocation failed")
}

describe("Submission.prepare", () => {
  it("puts large lists of numbers into shared memory, small ones elsewhere", () => {
    const asked: Array<number> = []
    const acquire = (byteLength: number) => {
      asked.push(byteLength)
      return new Uint8Array(byteLength)
    }
    assert.isTrue(Result.isSuccess(prepare(typed(2047), acquire)))
    assert.isTrue(Result.isSuccess(prepare(typed(2048), acquire)))
    assert.deepStrictEqual(asked, [16384])
  })

  it("refuses a tensor for which there is no memory", () => {
    const refused = prepare(typed(5000), never)
    assert.strictEqual(
      Result.isFailure(refused) ? `${refused.failure.code} ${refused.failure.message}` : "",
      "UNAVAILABLE There is no memory for a tensor of 40000 bytes. Retry later, or send less at a time."
    )
  })

  it("gives what is left of the deadline, and refuses a request whose deadline is over", () => {
    const left = prepare({}, never, new Deadline(60_000))
    assert.isAbove(Result.getOrThrow(left).request.deadlineMicros, 50_000_000)
    const over = prepare({}, never, new Deadline(1, performance.now() - 1000))
    assert.strictEqual(Result.isFailure(over) ? over.failure.code : "", "DEADLINE_EXCEEDED")
  })
})
