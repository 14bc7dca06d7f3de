import { assert, describe, it } from "@effect/vitest"
import * as CollectorAnswer from "../../../src/layers/telemetry/internal/otlp/CollectorAnswer.ts"
import { place, quoted } from "../../../src/layers/telemetry/internal/otlp/Sender.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value))

describe("a collector's answer", () => {
  it("says what was not taken, in protobuf and in JSON", () => {
    // partial_success (1) with rejected (1) = 300 and error_message (2) = "full".
    const answer = Uint8Array.of(10, 9, 8, 0xac, 2, 18, 4, ...bytes("full"))
    assert.deepStrictEqual(CollectorAnswer.ofProtobuf(answer), { rejected: 300, message: "full" })
    // -1 as int64 is ten bytes; nothing is less than nothing.
    const negative = Uint8Array.of(10, 17, 8, ...new Array<number>(9).fill(255), 1, 18, 4, ...bytes("full"))
    assert.deepStrictEqual(CollectorAnswer.ofProtobuf(negative), { rejected: 0, message: "full" })
    for (const name of ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"]) {
      assert.deepStrictEqual(
        CollectorAnswer.ofJson(json({ partialSuccess: { [name]: "300", errorMessage: "full" } })),
        { rejected: 300, message: "full" }
      )
    }
  })

  it("says nothing where everything was taken, or where it is none", () => {
    for (
      const answer of [[], [10, 0], [10, 2, 8, 0], [10, 200], [255], [255, 255, 255], [13, 0, 0, 0, 0], [10, 3, 8, 1]]
    ) {
      assert.isUndefined(CollectorAnswer.ofProtobuf(Uint8Array.from(answer)))
    }
    for (
      const answer of [
        "",
        "{}",
        "[",
        "null",
        "7",
        "{\"partialSuccess\":{}}",
        "{\"partialSuccess\":{\"rejectedSpans\":\"x\"}}"
      ]
    ) {
      assert.isUndefined(CollectorAnswer.ofJson(bytes(answer)))
    }
  })

  it("has words where it is an error", () => {
    assert.strictEqual(
      CollectorAnswer.errorText(Uint8Array.of(8, 3, 18, 4, ...bytes("full")), "application/x-protobuf"),
      "full"
    )
    assert.strictEqual(CollectorAnswer.errorText(json({ message: "full" }), "application/json; charset=utf-8"), "full")
    assert.strictEqual(CollectorAnswer.errorText(json({ message: 7 }), "application/json"), "")
    assert.strictEqual(CollectorAnswer.errorText(bytes("full"), "text/plain"), "full")
    assert.strictEqual(CollectorAnswer.errorText(bytes("<html>"), "text/html"), "")
  })
})

describe("what the log shows of it", () => {
  it("is one line, bounded, without credentials", () => {
    assert.strictEqual(quoted("no\nBearer abc\u0000!", ["Bearer abc"]), "no *** !")
    assert.strictEqual(quoted("x".repeat(1000), []).length, 301)
    assert.strictEqual(
      place(new URL("https://me:secret@collector:1/v1/traces?key=secret#secret")),
      "https://collector:1/v1/traces"
    )
  })
})
