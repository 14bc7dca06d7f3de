import { assert, describe, it } from "@effect/vitest"
import { Flag } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { HeaderBlocks } from "../../../src/layers/frontend/internal/http2/HeaderBlocks.ts"
import type { RequestHead } from "../../../src/layers/frontend/internal/http2/RequestHead.ts"

const read = (blocks: HeaderBlocks, hex: string): RequestHead | undefined | string => {
  const block = Buffer.from(hex.replaceAll(" ", ""), "hex")
  blocks.begin(block, 0, block.length, Flag.endHeaders, 1)
  return blocks.decode(false)
}

/** `:method POST :scheme http :path /` */
const request = "83 86 84"

describe("HeaderBlocks", () => {
  it("gives equal requests the same head, as long as the same bytes mean the same", () => {
    const blocks = new HeaderBlocks(8192)
    const insert = (value: string) => read(blocks, `${request} 40 01 78 01 ${value}`)
    insert("31")
    const first = read(blocks, `${request} be`) as RequestHead
    assert.deepStrictEqual(first.raw, ["x", "1"])
    assert.strictEqual(read(blocks, `${request} be`), first)
    insert("32")
    assert.deepStrictEqual((read(blocks, `${request} be`) as RequestHead).raw, ["x", "2"])
    assert.deepStrictEqual((read(blocks, `${request} bf`) as RequestHead).raw, ["x", "1"])
  })

  it("keeps the heads of a few requests that alternate", () => {
    const blocks = new HeaderBlocks(8192)
    const paths = ["01 61", "01 62", "01 63", "01 64"].map((path) => `83 86 04 ${path}`)
    const heads = paths.map((path) => read(blocks, path))
    assert.strictEqual(new Set(heads).size, 4)
    for (let round = 0; round < 3; round++) {
      paths.forEach((path, i) => assert.strictEqual(read(blocks, path), heads[i]))
    }
    read(blocks, "83 86 04 01 65")
    assert.notStrictEqual(read(blocks, paths[0]!), heads[0])
  })

  it("never keeps a malformed one, nor a block that changes the table", () => {
    const blocks = new HeaderBlocks(8192)
    for (let i = 0; i < 2; i++) assert.isUndefined(read(blocks, "83 86 84 84"))
    const inserting = `${request} 40 01 78 01 31`
    assert.notStrictEqual(read(blocks, inserting), read(blocks, inserting))
    assert.strictEqual(read(blocks, "be"), undefined)
    assert.match(read(blocks, "c0") as string, /index 64/)
  })
})
