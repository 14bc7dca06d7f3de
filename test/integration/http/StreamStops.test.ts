/** When a client over HTTP/2 is told to stop whose request was answered before it was complete. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorCode, Flag, FrameType } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { connect, frame, type Raw, uint32 } from "../grpc/Wire.ts"
import { empty, start } from "./Wire.ts"

const fields = (path: string): ReadonlyArray<string> => [":method", "POST", ":scheme", "http", ":path", path]

const answered = (client: Raw, id: number) =>
  client.until(() =>
    [FrameType.data, FrameType.headers].some((type) =>
      client.of(type, id).some(({ flags }) => (flags & Flag.endStream) !== 0)
    )
  )

describe("a request that is answered before it is complete", () => {
  it.live("may end by itself: no word to stop comes with the answer", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      const ways = [
        (id: number) => client.send(frame(FrameType.data, Flag.endStream, id, Buffer.from("{}"))),
        (id: number) => client.send(client.headers(id, ["x", "y"], Flag.endHeaders | Flag.endStream)),
        (id: number) => client.send(frame(FrameType.rstStream, 0, id, uint32(ErrorCode.cancel)))
      ]
      for (const [i, end] of ways.entries()) {
        const id = 2 * i + 1
        client.send(client.headers(id, fields("/nowhere")), frame(FrameType.data, 0, id, Buffer.from("{")))
        yield* answered(client, id)
        assert.isUndefined(client.reset(id))
        end(id)
      }
      // The last one that goes on is told, and by then it is known that the others are not.
      client.send(client.headers(7, fields("/nowhere")))
      yield* client.until(() => client.reset(7) === ErrorCode.noError)
      for (const id of [1, 3, 5]) assert.isUndefined(client.reset(id))
      client.send(frame(FrameType.data, Flag.endStream, 7, Buffer.from("{}")))
      client.send(client.headers(9, fields("/nowhere"), Flag.endHeaders | Flag.endStream))
      yield* answered(client, 9)
      assert.isUndefined(client.goAway)
      yield* empty(held)
    }))

  it.live("is told at once where many others go on", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      for (let i = 0; i < 300; i++) {
        client.send(client.headers(2 * i + 1, fields("/nowhere")))
        yield* answered(client, 2 * i + 1)
      }
      assert.strictEqual(client.reset(599), ErrorCode.noError)
      yield* client.until(() => client.reset(1) === ErrorCode.noError)
      assert.isUndefined(client.goAway)
      yield* empty(held)
    }))
})
