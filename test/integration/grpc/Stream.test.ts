/** `ModelStreamInfer` over a real connection. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope } from "effect"
import { Cancelled, ExecutionFailed, QueueFull, RequestTimedOut, SequenceLost } from "../../../src/schema/Errors.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { empty, eventually } from "../http/Wire.ts"
import { type Call, type Client, connect, framed } from "./Client.ts"
import { good, goodAnswer, inferBytes, start, valuesOf } from "./Frontend.ts"

const begin = (client: Client, metadata: Record<string, string> = {}): Call =>
  client.begin("ModelStreamInfer", metadata)

const send = (call: Call, id: string, more: Messages.Request = {}): void =>
  call.send(inferBytes([1, 2], { id, ...more }))

/** The answers so far, each in a line. */
const lines = (messages: ReadonlyArray<Buffer>): ReadonlyArray<string> =>
  messages.map((message) => {
    const { error_message, infer_response } = Messages.streamResponse(message)
    const final = infer_response?.parameters["triton_final_response"]?.bool_param
    const values = infer_response === undefined || infer_response.raw_output_contents.length === 0
      ? ""
      : ` [${valuesOf(infer_response)}]`
    return `${infer_response?.id} ${infer_response?.model_name}:${infer_response?.model_version} final ${final}${values}` +
      (error_message === "" ? "" : ` error ${error_message}`)
  })

const notIssued = (id: string, text: string): string => `${id} : final undefined error ${text}`
const answered = (id: string): string => `${id} echo:1 final true [1,2]`

describe("ModelStreamInfer", () => {
  it.live("answers each request with its last response, and ends after the client has", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const call = begin(client)
      send(call, "1")
      assert.deepStrictEqual(lines(yield* call.received(1)), [answered("1")])
      send(call, "2", { parameters: { triton_enable_empty_final_response: { bool_param: true } } })
      assert.deepStrictEqual(lines(yield* call.received(2)), [answered("1"), answered("2")])
      assert.isUndefined(call.ended)
      call.halfClose()
      const { message, status } = yield* call.end
      assert.deepStrictEqual([status, message], [0, ""])
      assert.strictEqual(fake.released, 2)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("ends at once without a request", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const call = begin(yield* connect(port))
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      assert.strictEqual(call.messages.length, 0)
    }).pipe(Effect.scoped))

  it.live("does not wait for an answer before it takes the next request, and keeps their order", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const call = begin(yield* connect(port))
      const gates = yield* Effect.all(Array.from({ length: 3 }, () => Deferred.make<void>()))
      fake.work = Effect.suspend(() => Deferred.await(gates[fake.requests.length - 1]!))
      for (const id of ["1", "2", "3"]) send(call, id)
      send(call, "4", { model_name: "nope" })
      yield* eventually(() => fake.requests.length, (seen) => seen === 3)
      yield* Deferred.succeed(gates[2]!, undefined)
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* Effect.sleep("20 millis")
      assert.strictEqual(call.messages.length, 0)
      yield* Deferred.succeed(gates[0]!, undefined)
      assert.deepStrictEqual(lines(yield* call.received(4)), [
        answered("1"),
        answered("2"),
        answered("3"),
        notIssued("4", "Request for unknown model: 'nope' is not found")
      ])
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("finishes what is outstanding after the client has half-closed", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const call = begin(yield* connect(port))
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      send(call, "1")
      send(call, "2")
      call.halfClose()
      yield* eventually(() => fake.requests.length, (seen) => seen === 2)
      assert.isUndefined(call.ended)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* call.end).status, 0)
      assert.deepStrictEqual(lines(call.messages), [answered("1"), answered("2")])
    }).pipe(Effect.scoped))

  it.live("tells errors inside the stream, which goes on", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const call = begin(client)
      send(call, "1", { model_name: "nope" })
      send(call, "2", { model_version: "7" })
      send(call, "3", { raw_input_contents: [] })
      send(call, "4", { parameters: { priority: { string_param: "" } } })
      yield* call.received(4)
      const failures = [
        new QueueFull({ model: "echo", capacity: 1, message: "full" }),
        new ExecutionFailed({ model: "echo", message: "broke" }),
        new RequestTimedOut({ message: "Request timeout expired" }),
        new Cancelled({ message: "" })
      ]
      for (const [i, failure] of failures.entries()) {
        fake.work = Effect.fail(failure)
        send(call, String(i + 5))
        yield* call.received(i + 5)
      }
      fake.work = Effect.void
      send(call, "9")
      const later = (id: string) => `${id} echo: final true`
      assert.deepStrictEqual(lines(yield* call.received(9)), [
        notIssued("1", "Request for unknown model: 'nope' is not found"),
        notIssued("2", "Request for unknown model: 'echo' version 7 is not found"),
        notIssued("3", "unable to find data for input tensor 'X' for model 'echo' in request."),
        notIssued("4", "invalid value type for 'priority' parameter, expected int64_param or uint64_param."),
        notIssued("5", "full"),
        `${later("6")} error broke`,
        `${later("7")} error Request timeout expired`,
        later("8"),
        answered("9")
      ])
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("takes very many requests that come at once, and are refused at once", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const call = begin(yield* connect(port))
      const count = 20_000
      const one = framed(Messages.request({ model_name: "nope" }))
      call.stream.write(Buffer.concat(Array.from({ length: count }, () => one)))
      call.halfClose()
      assert.strictEqual((yield* call.end).status, 0)
      assert.strictEqual(call.messages.length, count)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("ends with the status of a failed request where the client wants that, and cancels the others", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const call = begin(client, { triton_grpc_error: "true" })
      // A request that is not issued is told inside the stream all the same.
      send(call, "1", { model_name: "nope" })
      yield* call.received(1)
      const gate = yield* Deferred.make<void>()
      fake.work = Effect.suspend(() =>
        fake.requests.length === 1
          ? Effect.never
          : Effect.andThen(Deferred.await(gate), Effect.fail(new ExecutionFailed({ model: "echo", message: "broke" })))
      )
      send(call, "2")
      send(call, "3")
      yield* eventually(() => fake.requests.length, (seen) => seen === 2)
      yield* Deferred.succeed(gate, undefined)
      const { message, status } = yield* call.end
      assert.deepStrictEqual([status, message], [13, "broke"])
      assert.strictEqual(call.messages.length, 1)
      yield* eventually(() => fake.interrupted, (seen) => seen === 1)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("ends with ABORTED where a sequence is lost and the client wants statuses", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const call = begin(yield* connect(port), { triton_grpc_error: "true" })
      fake.work = Effect.fail(new SequenceLost({ message: "it is lost", model: "echo", sequence: "7" }))
      send(call, "1", { parameters: { sequence_id: { int64_param: 7n } } })
      const { message, status } = yield* call.end
      assert.deepStrictEqual([status, message], [10, "it is lost"])
    }).pipe(Effect.scoped))

  it.live("cancels every request of a call that is cancelled", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      fake.work = Effect.never
      const call = begin(client)
      for (let i = 0; i < 10; i++) send(call, String(i))
      yield* eventually(() => fake.requests.length, (seen) => seen === 10)
      call.cancel()
      yield* eventually(() => fake.interrupted, (seen) => seen === 10)
      yield* empty(held)
      fake.work = Effect.void
      assert.deepStrictEqual(yield* good(client), goodAnswer)
    }).pipe(Effect.scoped))

  it.live("cancels every request when the connection breaks", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      fake.work = Effect.never
      const call = begin(client)
      for (let i = 0; i < 3; i++) send(call, String(i))
      yield* eventually(() => fake.requests.length, (seen) => seen === 3)
      client.session.destroy()
      yield* eventually(() => fake.interrupted, (seen) => seen === 3)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("holds no more requests than its bound, and goes on reading when there is room", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ maxStreamRequests: 4 })
      const call = begin(yield* connect(port))
      const gates = yield* Effect.all(Array.from({ length: 10 }, () => Deferred.make<void>()))
      fake.work = Effect.suspend(() => Deferred.await(gates[fake.requests.length - 1]!))
      for (let i = 0; i < 10; i++) send(call, String(i))
      call.halfClose()
      yield* eventually(() => fake.requests.length, (seen) => seen === 4)
      yield* Effect.sleep("30 millis")
      assert.strictEqual(fake.requests.length, 4)
      // The second one answered makes no room: it waits for the first.
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* Effect.sleep("30 millis")
      assert.strictEqual(fake.requests.length, 4)
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* eventually(() => fake.requests.length, (seen) => seen === 6)
      for (const gate of gates) yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* call.end).status, 0)
      assert.deepStrictEqual(lines(call.messages), Array.from({ length: 10 }, (_, i) => answered(String(i))))
    }).pipe(Effect.scoped))

  it.live("bounds what waits for a client that does not read", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxStreamRequests: 8 })
      const client = yield* connect(port)
      const call = begin(client)
      call.stream.pause()
      const values = Array.from({ length: 50_000 }, (_, i) => i)
      const count = 60
      for (let i = 0; i < count; i++) call.send(inferBytes(values, { id: String(i) }))
      call.halfClose()
      let before = -1
      yield* eventually(() => {
        const settled = fake.requests.length > 0 && fake.requests.length === before
        before = fake.requests.length
        return settled
      }, (settled) => settled)
      yield* Effect.sleep("100 millis")
      // Windows of both sides hold some; the server stops far before all of them.
      assert.isBelow(fake.requests.length, count / 2)
      call.stream.resume()
      assert.strictEqual((yield* call.end).status, 0)
      assert.deepStrictEqual(
        call.messages.map((message) => Messages.streamResponse(message).infer_response!.id),
        Array.from({ length: count }, (_, i) => String(i))
      )
      assert.strictEqual(fake.released, count)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("ends a call with a message that is none, and the connection lives", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      fake.work = Effect.never
      const call = begin(client)
      send(call, "1")
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      call.send(Uint8Array.of(10, 200))
      const { message, status } = yield* call.end
      assert.deepStrictEqual([status, message], [13, "Unable to parse request"])
      yield* eventually(() => fake.interrupted, (seen) => seen === 1)
      fake.work = Effect.void
      assert.deepStrictEqual(yield* good(client), goodAnswer)
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("refuses a response that is too large inside the stream", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ maxSendMessageBytes: 20_000 })
      const call = begin(yield* connect(port))
      call.send(inferBytes(Array.from({ length: 6000 }, () => 1), { id: "1" }))
      send(call, "2")
      const [first, second] = lines(yield* call.received(2))
      assert.match(
        first!,
        /^1 echo: final true error Response has byte size 24\d\d\d which exceeds gRPC's byte size limit 20000\.$/
      )
      assert.strictEqual(second, answered("2"))
      assert.strictEqual(fake.released, 2)
    }).pipe(Effect.scoped))

  it.live("refuses new requests on an open stream once the server ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, port } = yield* Scope.provide(start(), scope)
      const call = begin(yield* connect(port))
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      send(call, "1")
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.sleep("50 millis")
      send(call, "2")
      yield* Effect.sleep("400 millis")
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(lines(yield* call.received(2)), [
        answered("1"),
        notIssued("2", "GRPC server is shutting down and has stopped accepting new requests.")
      ])
      // The server does not wait for a client that has nothing to ask.
      const { message, status } = yield* call.end
      assert.deepStrictEqual(
        [status, message],
        [14, "GRPC server is shutting down and has stopped accepting new requests."]
      )
    }).pipe(Effect.scoped))

  it.live("ends at once with the server while nothing is outstanding", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(start({ exitTimeout: "1 minute" }), scope)
      const call = begin(yield* connect(port))
      send(call, "1")
      yield* call.received(1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* call.end).status, 14)
    }).pipe(Effect.scoped))
})
