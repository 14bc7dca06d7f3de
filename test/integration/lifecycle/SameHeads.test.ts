/** A client says the same words about its tensors again and again, while the model becomes another one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { Connection } from "../../../bench/lifecycle/connection.ts"
import * as models from "../../../bench/models.ts"
import { binaryRequest } from "../../../bench/requests.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"

const { body, headers } = binaryRequest([
  { name: "INPUT0", datatype: "FP32", shape: [1, 2], data: Float32Array.of(1, -2) }
])
const request = Buffer.concat([
  Buffer.from(
    `POST /v2/models/changing/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n` +
      `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
  ),
  body
])

const inJson = (data: string): Buffer => {
  const text = `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":${data}}]}`
  return Buffer.from(
    `POST /v2/models/changing/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  )
}

/** A model, how it becomes another one, and a connection to its server. */
const changing = Effect.gen(function*() {
  const repository = join(yield* Child.folder({}), "models")
  models.write(repository, "changing", Models.castTo("INT32", ["batch", 2]))
  const server = yield* Child.serve([repository, "--model-control-mode=explicit", "--load-model=changing"])
  const connection = new Connection(Number(new URL(server.url).port))
  yield* Effect.addFinalizer(() => Effect.sync(() => connection.close()))
  const become = (bytes: Uint8Array) => {
    models.write(repository, "changing", bytes)
    return Effect.map(
      Child.ask(`${server.url}/v2/repository/models/changing/load`, { method: "POST" }),
      ({ status, text }) => assert.strictEqual(status, 200, text)
    )
  }
  return { become, connection }
})

describe("a model that changes between requests with the same head", () => {
  it.live("is asked as it is now", () =>
    Effect.gen(function*() {
      const { become, connection } = yield* changing
      const ask = Effect.map(Effect.promise(() => connection.ask(request, 10_000)), ({ body, status }) => ({
        status,
        head: body.toString("latin1", 0, body.lastIndexOf("}") + 1),
        data: Uint8Array.from(body.subarray(body.lastIndexOf("}") + 1)).buffer
      }))
      for (let i = 0; i < 3; i++) {
        const { data, head } = yield* ask
        assert.include(head, "\"datatype\":\"INT32\"")
        assert.deepStrictEqual([...new Int32Array(data)], [1, -2])
      }
      yield* become(Models.castTo("FP64", ["batch", 2]))
      for (let i = 0; i < 3; i++) {
        const { data, head } = yield* ask
        assert.include(head, "\"datatype\":\"FP64\"")
        assert.deepStrictEqual([...new Float64Array(data)], [1, -2])
      }
      yield* become(Models.identity("INT32", ["batch", 2]))
      for (let i = 0; i < 3; i++) {
        const { head, status } = yield* ask
        assert.strictEqual(status, 400)
        assert.include(head, "INPUT0")
      }
      yield* become(Models.castTo("INT64", ["batch", 2]))
      assert.deepStrictEqual([...new BigInt64Array((yield* ask).data)], [1n, -2n])
      assert.strictEqual(connection.opened, 1)
    }))

  it.live("is asked as it is now, in JSON", () =>
    Effect.gen(function*() {
      const { become, connection } = yield* changing
      const ask = (data: string) =>
        Effect.map(Effect.promise(() => connection.ask(inJson(data), 10_000)), ({ body, status }) => ({
          status,
          text: body.toString()
        }))
      for (let i = 0; i < 3; i++) {
        assert.include((yield* ask(`[${i},-2]`)).text, `"datatype":"INT32","shape":[1,2],"data":[${i},-2]`)
      }
      yield* become(Models.castTo("FP64", ["batch", 2]))
      for (let i = 0; i < 3; i++) {
        assert.include((yield* ask(`[${i}.5,-2]`)).text, `"datatype":"FP64","shape":[1,2],"data":[${i}.5,-2.0]`)
      }
      yield* become(Models.identity("INT32", ["batch", 2]))
      for (let i = 0; i < 3; i++) {
        const { status, text } = yield* ask("[1,-2]")
        assert.strictEqual(status, 400)
        assert.include(text, "INPUT0")
      }
    }))
})
