import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"
const key = "Inference-Header-Content-Length"

const infer = (values: ReadonlyArray<number>, id: string, fields = ""): Buffer => {
  const { body, headers } = inferBody(values, id)
  return Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n${key}: ${headers[key]}\r\n${fields}\r\n`
    ),
    body
  ])
}

const chunked = (values: ReadonlyArray<number>, id: string): Buffer => {
  const { body, headers } = inferBody(values, id)
  return Buffer.concat([
    Buffer.from(`POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${key}: ${headers[key]}\r\n\r\n`),
    Buffer.from(`${body.length.toString(16)}\r\n`),
    body,
    Buffer.from("\r\n0\r\n\r\n")
  ])
}

const ids = (text: string): ReadonlyArray<string> => [...text.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id!)

describe("one connection of HTTP/1.1", () => {
  it.live("goes on with whatever form the next request has", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      client.send(
        Buffer.concat([infer([1], "a"), infer([2, 3], "b"), chunked([4], "c"), infer([5], "d"), chunked([6], "e")])
      )
      const text = yield* client.answers(5)
      assert.deepStrictEqual(ids(text), ["a", "b", "c", "d", "e"])
      client.send("GET /v2/health/live HTTP/1.0\r\n\r\n")
      yield* client.until(({ ended }) => ended)
      assert.strictEqual(client.text.match(/HTTP\/1\.1 200 OK/g)!.length, 6)
      yield* empty(held)
    }))

  it.live("sends leave to send a body before the answer, and goes on, where both wait for their turn", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const gate = yield* Deferred.make<void>()
      let begun = 0
      fake.work = Effect.suspend(() => begun++ === 0 ? Deferred.await(gate) : Effect.void)
      const client = yield* connect(port)
      // The tensor does not come with the head.
      const late = infer(Array.from({ length: 40_000 }, (_, i) => i), "b", "Expect: 100-continue\r\n")
      client.send(Buffer.concat([chunked([1], "a"), late, chunked([3], "c")]))
      yield* eventually(() => begun, (count) => count === 3)
      yield* Deferred.succeed(gate, undefined)
      const answers = (yield* client.answers(3)).split("HTTP/1.1 ").slice(1)
      assert.deepStrictEqual(answers.map((answer) => answer.slice(0, 3)), ["200", "100", "200", "200"])
      assert.match(answers[2]!, /\r\n\r\n\{"id":"b"/)
      yield* empty(held)
    }))

  it.live("gives leave to send a body once the answers before are out", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const gate = yield* Deferred.make<void>()
      let begun = 0
      fake.work = Effect.suspend(() => begun++ === 0 ? Deferred.await(gate) : Effect.void)
      const client = yield* connect(port)
      const late = infer([2], "b", "Expect: 100-continue\r\n")
      const end = late.indexOf("\r\n\r\n") + 4
      client.send(Buffer.concat([chunked([1], "a"), late.subarray(0, end)]))
      yield* eventually(() => held()[0], (count) => count === 2)
      yield* Deferred.succeed(gate, undefined)
      yield* client.until(({ text }) => text.includes("100 Continue"))
      client.send(late.subarray(end))
      assert.deepStrictEqual(ids(yield* client.answers(2)), ["a", "b"])
      assert.match(client.text, /100 Continue\r\n\r\nHTTP\/1\.1 200/)
      yield* empty(held)
    }))

  it.live("hands over no byte twice and none too few, wherever the network cuts", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const bytes = Buffer.concat([infer([1], "a"), chunked([2], "b"), infer([3], "c")])
      const cuts = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => 7 * i + 1)
      yield* Effect.forEach(cuts, (cut) =>
        Effect.scoped(Effect.gen(function*() {
          const client = yield* connect(port)
          client.send(bytes.subarray(0, cut))
          yield* Effect.sleep("2 millis")
          client.send(bytes.subarray(cut))
          assert.deepStrictEqual(ids(yield* client.answers(3)), ["a", "b", "c"], `cut at ${cut}`)
        })), { concurrency: 8, discard: true })
      yield* empty(held)
    }))

  it.live("tells a client that waits to send its body, and no other", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const client = yield* connect(port)
      const whole = infer([1], "a", "Expect: 100-continue\r\n")
      const body = whole.indexOf("\r\n\r\n") + 4
      client.send(whole.subarray(0, body))
      assert.strictEqual(yield* client.until(({ text }) => text.endsWith("\r\n\r\n")), "HTTP/1.1 100 Continue\r\n\r\n")
      client.send(whole.subarray(body))
      assert.match(yield* client.answers(1), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
      // One that is refused is not asked for its body.
      client.send("POST /v2/models/no/infer HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
      const text = yield* client.until(({ ended }) => ended)
      assert.match(text, /HTTP\/1\.1 404 [^]*Connection: close/)
      assert.strictEqual(text.match(/ 100 Continue/g)!.length, 1)
      yield* empty(held)
    }))

  it.live("answers HEAD and OPTIONS like other methods that a route does not have", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const client = yield* connect(port)
      client.send("HEAD /v2 HTTP/1.1\r\n\r\n")
      const head = yield* client.until(({ text }) => text.endsWith("\r\n\r\n"))
      assert.match(head, /^HTTP\/1\.1 405 Method Not Allowed\r\n[^]*Allow: GET\r\n/)
      assert.notMatch(head, /Connection:|Date:|Server:/)
      client.send("OPTIONS /v2 HTTP/1.1\r\n\r\n")
      assert.match(yield* client.answers(2), /\{"error":"Method Not Allowed"\}$/)
    }))

  it.live("gets large bodies whole, beside others that break off in the middle of theirs", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const values = Array.from({ length: 150_000 }, (_, i) => i)
      const expected = Buffer.from(new Float32Array(values).buffer)
      const broken = Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(port)
        client.send(infer(values.map(() => -1), "broken").subarray(0, 300_000))
        yield* eventually(held, ([requests]) => requests! > 0)
        yield* Effect.sleep("5 millis")
        client.socket.resetAndDestroy()
      }))
      const whole = Effect.scoped(Effect.gen(function*() {
        const client = yield* connect(port)
        client.send(Buffer.concat([infer(values, "whole"), infer(values, "again")]))
        const parts = () => client.text.split(/(?=HTTP\/1\.1 200)/)
        const lengthOf = (part: string) => Number(/\r\nContent-Length: (\d+)/.exec(part)?.[1])
        yield* client.until(({ received }) =>
          received.length > 2 * expected.length &&
          parts().length === 2 &&
          parts().every((part) => part.length - part.indexOf("\r\n\r\n") - 4 === lengthOf(part))
        )
        for (const part of parts()) {
          assert.isTrue(Buffer.from(part.slice(-expected.length), "latin1").equals(expected))
        }
      }))
      yield* Effect.forEach(Array.from({ length: 12 }, (_, i) => i % 2 === 0 ? broken : whole), (one) => one, {
        concurrency: 4,
        discard: true
      })
      assert.isAtLeast(fake.released, 12)
      yield* empty(held)
    }))

  it.live("that is closed while its body arrives gives its memory back once nothing is written to it", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ bodyTimeout: "1 second" })
      const client = yield* connect(port)
      client.send(infer(new Array(150_000).fill(1), "a").subarray(0, 200_000))
      assert.match(yield* client.answers(1), /^HTTP\/1\.1 408 [^]*body stopped arriving/)
      client.send(Buffer.alloc(1000))
      yield* client.until(({ ended }) => ended)
      yield* empty(held)
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("that goes away interrupts what runs for it, also while it waits for its turn", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const client = yield* connect(port)
      client.send(Buffer.concat([infer([1], "a"), infer([1], "b"), chunked([1], "c")]))
      yield* eventually(() => fake.requests.length, (count) => count === 2)
      client.socket.end()
      yield* client.until(({ ended }) => ended)
      yield* empty(held)
      assert.strictEqual(fake.interrupted, 2)
    }))
})
