import { Schedule } from "effect"
import { expect, test } from "tstyche"
import * as BatchPolicy from "../../src/layers/scheduling/BatchPolicy.ts"
import type * as Batcher from "../../src/services/Batcher.ts"

test("a batching policy is a schedule, and composes as one", () => {
  const policy = BatchPolicy.maxQueueDelay("100 micros", [4, 8])
  expect(policy).type.toBe<Batcher.BatchPolicy>()
  expect(policy).type.toBeAssignableTo<Schedule.Schedule<number, Batcher.QueueSnapshot>>()
  expect(policy.pipe(Schedule.while(({ input }) => input.rows < 3))).type.toBeAssignableTo<Batcher.BatchPolicy>()
  expect(BatchPolicy.either(policy, policy)).type.toBe<Batcher.BatchPolicy>()
})
