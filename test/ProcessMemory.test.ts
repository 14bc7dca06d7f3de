import { assert, describe, it } from "@effect/vitest"
import * as ProcessMemory from "../src/layers/ProcessMemory.ts"

describe("ProcessMemory", () => {
  it("counts what was written, and no more than all that is resident", () => {
    const before = ProcessMemory.privateBytes()
    const block = Buffer.alloc(256 << 20, 1)
    const grown = ProcessMemory.privateBytes() - before
    // Collections of garbage happen meanwhile.
    assert.isAbove(grown, 128 << 20)
    assert.isBelow(ProcessMemory.privateBytes(), process.memoryUsage.rss() + (64 << 20))
    assert.strictEqual(block[block.length - 1], 1)
  })

  it.runIf(process.platform === "linux")("leaves out what belongs to files", () => {
    assert.isBelow(ProcessMemory.privateBytes(), process.memoryUsage.rss() - (8 << 20))
  })
})
