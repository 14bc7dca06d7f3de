import { assert, describe, it } from "@effect/vitest"
import { Exemplars } from "../../src/layers/telemetry/internal/Exemplars.ts"
import type { TraceContext } from "../../src/schema/RequestTrace.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"

/** A context that counts how often its ids are read. */
const counting = (isLight: boolean | undefined) => {
  const reads = { count: 0 }
  const context: TraceContext = {
    get traceId() {
      reads.count++
      return traceId
    },
    spanId,
    sampled: true,
    isLight
  }
  return { context, reads }
}

describe("an exemplar", () => {
  it("has ids that are read at once, unless the context may be kept for when somebody asks", () => {
    for (const [isLight, before] of [[undefined, 1], [false, 1], [true, 0]] as const) {
      const { context, reads } = counting(isLight)
      const exemplars = new Exemplars(2)
      exemplars.keep(1, 3000, context, 17)
      assert.strictEqual(reads.count, before, `${isLight}`)
      assert.deepStrictEqual(exemplars.read(1000), [undefined, { traceId, spanId, value: 3, atMillis: 17 }])
      assert.strictEqual(reads.count, 1)
    }
  })
})
