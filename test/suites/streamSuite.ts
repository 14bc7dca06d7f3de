/** What every client with streams promises, against a server on the repository of `test/clients/repository.ts`. */
import { assert } from "@effect/vitest"
import { type InferenceServerError, tensor } from "../../src/client/Client.ts"
import type { StreamingClient } from "../../src/client/GrpcClient.ts"

export type StreamCase = readonly [title: string, run: (client: StreamingClient) => Promise<void>]

const request = (i: number) => ({
  inputs: { INPUT0: tensor(new Float32Array(2).fill(i), [1, 2]) },
  options: { id: String(i) }
})
const wrong = { inputs: { NOTHING: tensor(new Float32Array(1)) }, options: { id: "wrong" } }

export const streamCases: ReadonlyArray<StreamCase> = [
  ["answers in order", async (client) => {
    const seen: Array<string> = []
    for await (
      const { id, outputs } of client.stream(
        "identity_wide",
        Array.from({ length: 50 }, (_, i) => request(i))
      )
    ) {
      assert.deepStrictEqual(outputs["OUTPUT0"]!.data, new Float32Array(2).fill(Number(id)))
      seen.push(id)
    }
    assert.deepStrictEqual(seen, Array.from({ length: 50 }, (_, i) => String(i)))
  }],

  ["takes a request when the answer to the one before is known", async (client) => {
    let next: (value: number) => void = () => {}
    const requests = async function*() {
      for (let i = 1; i < 100;) {
        const answered = new Promise<number>((resolve) => {
          next = resolve
        })
        yield request(i)
        i = await answered
      }
    }
    const seen: Array<number> = []
    for await (const { outputs } of client.stream("identity_wide", requests())) {
      const value = Number(outputs["OUTPUT0"]!.data[0])
      seen.push(value)
      next(value * 2)
    }
    assert.deepStrictEqual(seen, [1, 2, 4, 8, 16, 32, 64])
  }],

  ["throws the error of a request, unless somebody is told of it", async (client) => {
    const requests = [request(1), wrong, request(2)]
    const told: Array<InferenceServerError> = []
    const seen: Array<string> = []
    for await (const { id } of client.stream("identity_wide", requests, { onError: (error) => told.push(error) })) {
      seen.push(id)
    }
    assert.deepStrictEqual(seen, ["1", "2"])
    assert.deepStrictEqual(told.map(({ message, name }) => [name, message.includes("NOTHING")]), [
      ["InferenceServerError", true]
    ])
    const thrown = await (async () => {
      for await (const { id } of client.stream("identity_wide", requests)) assert.strictEqual(id, "1")
      return assert.fail("it ended")
    })().catch((error: InferenceServerError) => error)
    assert.strictEqual(thrown.name, "InferenceServerError")
    assert.include(thrown.message, "NOTHING")
  }],

  ["ends early when the iteration does", async (client) => {
    let taken = 0
    const { promise: told, resolve: tell } = Promise.withResolvers<void>()
    const requests = function*() {
      try {
        for (;;) yield request(taken++)
      } finally {
        tell()
      }
    }
    for await (const { id } of client.stream("identity_wide", requests())) if (id === "3") break
    // Whoever makes the requests learns that nobody wants more.
    await told
    assert.isBelow(taken, 1_000_000)
    assert.isTrue(await client.serverLive(), "other calls go on")
  }],

  ["rejects with the reason of its signal", async (client) => {
    const reason = new Error("enough")
    const controller = new AbortController()
    const never = async function*() {
      yield request(1)
      await new Promise(() => {})
    }
    const thrown = await (async () => {
      for await (const _ of client.stream("identity_wide", never(), { signal: controller.signal })) {
        controller.abort(reason)
      }
      return assert.fail("it ended")
    })().catch((error: unknown) => error)
    assert.strictEqual(thrown, reason)
  }],

  ["passes on an error of the requests", async (client) => {
    const reason = new Error("no more")
    const failing = async function*() {
      yield request(1)
      throw reason
    }
    const thrown = await (async () => {
      for await (const { id } of client.stream("identity_wide", failing())) assert.strictEqual(id, "1")
      return assert.fail("it ended")
    })().catch((error: unknown) => error)
    assert.strictEqual(thrown, reason)
  }]
]
