/** What main keeps of the calls of a front. */
import { assert, describe, it } from "@effect/vitest"
import type { FrontCall } from "../../../src/layers/frontend/internal/fronts/FrontCall.ts"
import { FrontDoor } from "../../../src/layers/frontend/internal/fronts/FrontDoor.ts"
import { noPlace, RequestFlag, Up } from "../../../src/layers/frontend/internal/fronts/Records.ts"
import { allocate, RingWriter } from "../../../src/layers/frontend/internal/fronts/Ring.ts"
import type { InProgress } from "../../../src/layers/frontend/internal/http/Wire.ts"

const head = Buffer.from("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n")

describe("the door of a front", () => {
  it("forgets the calls of a connection that is closed", () => {
    const up = allocate(4096)
    const writer = new RingWriter(up)
    const write = (kind: number, fields: ReadonlyArray<number>, bytes: Uint8Array = Buffer.alloc(0)): void => {
      assert.isTrue(writer.open(kind, 4 * fields.length + bytes.length))
      fields.forEach((field, i) => writer.ints[(writer.at >> 2) + i] = field)
      writer.bytes.set(bytes, writer.at + 4 * fields.length)
      writer.commit()
    }
    const calls: Array<FrontCall> = []
    const came: Array<string> = []
    const door = new FrontDoor({
      up,
      down: allocate(4096),
      post: () => {},
      memory: { acquire: () => assert.fail("no body is large"), usage: () => assert.fail("nobody asks") } as never,
      serve: (call) => {
        calls.push(call)
        call.carrier.calls.add({ response: call, abort: () => {} } as object as InProgress)
        call.on("data", (chunk) => came.push(chunk.toString()))
      },
      need: { joined: () => {}, moved: () => {} },
      defect: (thrown) => {
        throw thrown
      }
    })
    write(Up.joined, [1, 0, 0, 0])
    write(Up.request, [7, 1, noPlace, RequestFlag.bodied, head.length, 0], head)
    write(Up.data, [7], Buffer.from("a"))
    door.rung()
    assert.deepStrictEqual(came, ["a"])
    write(Up.gone, [1])
    write(Up.data, [7], Buffer.from("b"))
    door.rung()
    assert.deepStrictEqual(came, ["a"])
    assert.isTrue(calls[0]!.destroyed)
    door.close()
  })
})
