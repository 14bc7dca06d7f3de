/** Streaming calls of the gRPC client against a server that each test makes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fields from "../../../src/schema/proto/InferFields.ts"
import { encode } from "../../../src/schema/proto/WireFormat.ts"
import { eventually } from "../http/Wire.ts"
import { answering, client, failure, reason } from "./GrpcCalls.ts"
import { serve, type ServedCall } from "./GrpcServer.ts"

describe("A streaming call", () => {
  const echo = (call: ServedCall): void => {
    call.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    call.stream.on("wantTrailers", () => call.stream.sendTrailers({ "grpc-status": 0 }))
    // The answer to a request is a message of the same bytes: the id lies in another field, and is skipped.
    call.stream.pipe(call.stream)
  }

  it.live("gives answers while it sends requests", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(echo)
      let sent = 0
      const received: Array<number> = []
      const requests = async function*() {
        for (let i = 0; i < 50; i++) {
          sent = i
          // Each request waits for the answer to the one before.
          while (received.length < i) await new Promise((resolve) => setImmediate(resolve))
          yield { raw_input_contents: [new Uint8Array(i)] }
        }
      }
      yield* Effect.promise(async () => {
        for await (const _ of rpcs.modelStreamInfer(requests())) received.push(sent)
      })
      assert.strictEqual(received.length, 50)
    }).pipe(Effect.scoped))

  it.live("takes requests only as far as they can be sent", () =>
    Effect.gen(function*() {
      const calls: Array<ServedCall> = []
      const rpcs = yield* answering((call) => calls.push(call))
      let taken = 0
      const large = function*() {
        for (; taken < 1000; taken++) yield { raw_input_contents: [new Uint8Array(100_000)] }
      }
      const responses = rpcs.modelStreamInfer(large())
      const next = responses.next()
      yield* eventually(() => calls.length, (count) => count === 1)
      yield* Effect.sleep("100 millis")
      // The windows of HTTP/2, and what Node buffers: nobody reads it.
      assert.isBelow(taken, 20)
      calls[0]!.answer([])
      assert.isTrue((yield* Effect.promise(() => next)).done)
    }).pipe(Effect.scoped))

  it.live("takes no more requests when the server has ended it", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) => answer([], { status: 9 }))
      let ended = false
      const forever = async function*() {
        try {
          for (;;) {
            yield { id: "1" }
            await new Promise((resolve) => setImmediate(resolve))
          }
        } finally {
          ended = true
        }
      }
      const error = yield* failure(rpcs.modelStreamInfer(forever()).next())
      assert.strictEqual(error.status, "FAILED_PRECONDITION")
      yield* eventually(() => ended, (seen) => seen)
    }).pipe(Effect.scoped))

  it.live("gives each answer to whom asked first", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) =>
        answer(["1", "2"].map((error_message) => encode(Fields.ModelStreamInferResponse, { error_message })))
      )
      const responses = rpcs.modelStreamInfer([])
      const [first, second, third] = yield* Effect.promise(() =>
        Promise.all([responses.next(), responses.next(), responses.next()])
      )
      assert.deepStrictEqual([first.value?.error_message, second.value?.error_message, third.done], ["1", "2", true])
    }).pipe(Effect.scoped))

  it.live("receives only what is taken", () =>
    Effect.gen(function*() {
      const { port } = yield* serve((call) => {
        const { stream } = call
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 0 }))
        stream.resume()
        const message = Buffer.alloc(5 + 100_000)
        message.writeUInt32BE(100_000, 1)
        // Field 1000, so that the answer is one unknown field.
        message.set([0xc2, 0x3e, 0x9b, 0x8d, 0x06], 5)
        let left = 100
        const more = (): void => {
          while (left-- > 0) if (!stream.write(message)) return void stream.once("drain", more)
          stream.end()
        }
        more()
      })
      const rpcs = yield* client(port, { windowBytes: 200_000 })
      const before = process.memoryUsage().arrayBuffers
      const responses = rpcs.modelStreamInfer([{ id: "1" }])
      yield* Effect.promise(() => responses.next())
      yield* Effect.sleep("100 millis")
      const held = process.memoryUsage().arrayBuffers - before
      assert.isBelow(held, 6_000_000)
      let count = 1
      yield* Effect.promise(async () => {
        for await (const _ of responses) count++
      })
      assert.strictEqual(count, 100)
    }).pipe(Effect.scoped))

  it.live("is cancelled when the iteration ends early, or its requests throw", () =>
    Effect.gen(function*() {
      const streams: Array<ServedCall["stream"]> = []
      const rpcs = yield* answering((call) => {
        streams.push(call.stream)
        echo(call)
      })
      const forever = async function*() {
        for (;;) {
          yield { id: "1" }
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      yield* Effect.promise(async () => {
        for await (const _ of rpcs.modelStreamInfer(forever())) break
      })
      yield* eventually(() => streams[0]!.rstCode, (code) => code === 8)
      const bad = new Error("bad request")
      const throwing = async function*() {
        yield { id: "1" }
        while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve))
        throw bad
      }
      const thrown = yield* reason((async () => {
        for await (const _ of rpcs.modelStreamInfer(throwing())) await Promise.resolve()
      })())
      assert.strictEqual(thrown, bad)
      yield* eventually(() => streams[1]!.rstCode, (code) => code === 8)
    }).pipe(Effect.scoped))

  it.live("gives what came before a failure, then the failure", () =>
    Effect.gen(function*() {
      const rpcs = yield* answering(({ answer }) =>
        answer([encode(Fields.ModelStreamInferResponse, { error_message: "x" })], {
          status: 14,
          trailers: { "grpc-message": "gone" }
        })
      )
      const responses = rpcs.modelStreamInfer([])
      assert.strictEqual((yield* Effect.promise(() => responses.next())).value!.error_message, "x")
      const error = yield* failure(responses.next())
      assert.deepStrictEqual([error.status, error.message], ["UNAVAILABLE", "gone"])
      assert.isTrue((yield* Effect.promise(() => responses.next())).done)
    }).pipe(Effect.scoped))
})
