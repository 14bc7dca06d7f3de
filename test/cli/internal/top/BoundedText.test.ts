import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import * as BoundedText from "../../../../src/layers/cli/internal/top/BoundedText.ts"

const responseOf = (body: ReadableStream<Uint8Array> | null) =>
  HttpClientResponse.fromWeb(HttpClientRequest.get("http://host"), new Response(body))

describe("text of a bound", () => {
  it.effect("is read no further than to its bound, and its sender is told", () =>
    Effect.gen(function*() {
      let sent = 0
      let cancelled = false
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          sent += 1000
          controller.enqueue(new Uint8Array(1000))
        },
        cancel: () => {
          cancelled = true
        }
      })
      assert.isUndefined(yield* BoundedText.read(responseOf(endless), 10_000))
      assert.isAtMost(sent, 20_000)
      assert.isTrue(cancelled)
    }))

  it.effect("is whole up to its bound, also where a chunk ends within a character", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode("aä€b")
      const chunks = () =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
            controller.close()
          }
        })
      assert.strictEqual(yield* BoundedText.read(responseOf(chunks()), bytes.length), "aä€b")
      assert.isUndefined(yield* BoundedText.read(responseOf(chunks()), bytes.length - 1))
      assert.strictEqual(yield* BoundedText.read(responseOf(null), 10), "")
    }))
})
