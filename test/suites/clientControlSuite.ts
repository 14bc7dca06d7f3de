/** What every client promises about models on demand, against a server in control mode explicit. */
import { assert } from "@effect/vitest"
import { type InferenceClient, InferenceServerError } from "../../src/client/Client.ts"
import * as Models from "../fixtures/onnx/Models.ts"

const ready = async (client: InferenceClient, name: string) =>
  (await client.repositoryIndex({ readyOnly: true }))
    .filter((entry) => entry.name === name)
    .map(({ version }) => version)

const failure = (promise: Promise<void>): Promise<InferenceServerError> =>
  promise.then(() => assert.fail("it succeeded"), (error: unknown) => {
    assert.instanceOf(error, InferenceServerError)
    return error
  })

/** Leaves the server as it was. */
export const control = async (client: InferenceClient): Promise<void> => {
  await client.loadModel("simple")
  assert.deepStrictEqual(await ready(client, "simple"), ["1", "3"])
  await client.unloadModel("simple", { version: 3 })
  assert.deepStrictEqual(await ready(client, "simple"), ["1"])
  await client.loadModel("simple", { version: "3", config: { max_batch_size: 3, version_policy: { all: {} } } })
  assert.strictEqual((await client.modelConfig("simple", { version: 3 })).max_batch_size, 3)
  assert.strictEqual((await client.modelConfig("simple", { version: 1 })).max_batch_size, 8)
  await client.unloadModel("simple")
  assert.deepStrictEqual(await ready(client, "simple"), [])

  await client.loadModel("sent", { config: {}, files: { "7/model.onnx": Models.simple() } })
  assert.deepStrictEqual(await ready(client, "sent"), ["7"])
  await client.unloadModel("sent", { unloadDependents: true })

  const absent = await failure(client.loadModel("absent"))
  assert.strictEqual(
    absent.message,
    "failed to load 'absent', failed to poll from model repository\nfailed to poll model 'absent': model not found in any model repository."
  )
  assert.strictEqual(absent.code, "INTERNAL")
  const wrong = [
    () => client.loadModel("simple", { version: "x" }),
    () => client.unloadModel("simple", { version: -1 })
  ]
  for (const call of wrong) {
    const { code, message } = await failure(call())
    assert.strictEqual(code, "INVALID_ARG")
    assert.match(message, /version/)
  }
}
