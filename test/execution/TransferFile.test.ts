import { assert, describe, it } from "@effect/vitest"
import { closeSync, fstatSync } from "node:fs"
import { align } from "../../src/layers/execution/internal/process/Frame.ts"
import * as TransferFile from "../../src/layers/execution/internal/process/TransferFile.ts"
import * as TransferFolder from "../../src/layers/execution/internal/process/TransferFolder.ts"

const front = 64

const withPair = (use: (pair: TransferFolder.Pair) => void) => {
  const pair = TransferFolder.openPair(front)!
  try {
    use(pair)
  } finally {
    closeSync(pair.requests)
    closeSync(pair.answers)
  }
}

describe.runIf(process.platform === "linux")("a file of tensors", () => {
  it("has whole blocks, however long their last tensor is, at the start and after memory was given back", () =>
    withPair(({ requests }) => {
      const writer = new TransferFile.TransferWriter(requests, 0, 1_000_000)
      for (const [round, length] of [65_540, 1, 63, 64, 70_001].entries()) {
        const at = writer.write([new Uint8Array(100).fill(9), new Uint8Array(length).fill(7)])!
        const block = new Uint8Array(align(100) + align(length))
        TransferFile.readAll(requests, block, at)
        assert.strictEqual(block[99], 9)
        assert.isTrue(block.subarray(align(100), align(100) + length).every((byte) => byte === 7))
        writer.wasRead(round + 1)
        if (round % 2 === 0) writer.trim()
        if (round % 2 === 0) assert.strictEqual(fstatSync(requests).size, 0)
      }
    }))

  it("of answers has the memory at its front from the beginning, and keeps it", () =>
    withPair(({ answers }) => {
      // A file that is only made longer has no memory: writing into it fails in a full folder.
      assert.isAbove(fstatSync(answers).blocks, 0)
      const writer = new TransferFile.TransferWriter(answers, front, 1_000_000)
      writer.write([new Uint8Array(100_000)])
      writer.wasRead(1)
      writer.trim()
      assert.deepStrictEqual([fstatSync(answers).size, fstatSync(answers).blocks > 0], [front, true])
    }))
})
