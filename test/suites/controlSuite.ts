/** What every way into the server promises about models that come and go on demand. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Server from "../../src/layers/Server.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { folder } from "../integration/cli/Child.ts"
import type { Door, DoorKind } from "./Door.ts"

/** A server in control mode explicit, and a door to it. */
class Opened extends Context.Service<Opened, { readonly models: string; readonly door: Door }>()(
  "galatea/test/suites/controlSuite/Opened"
) {}

const all = "version_policy { all { } }"
const model = { 1: { "model.onnx": Models.identityFp32() } }

const open = (kind: DoorKind): Layer.Layer<Opened> =>
  Layer.effect(
    Opened,
    Effect.gen(function*() {
      const models = yield* folder({
        first: model,
        plain: model,
        versions: { "config.pbtxt": all, ...model, 2: model[1] },
        overridden: { "config.pbtxt": "max_batch_size: 2", ...model },
        broken: { 1: { "model.onnx": "no model" } }
      })
      const services = yield* Layer.build(
        Server.layerInProcess({
          modelRepository: [models],
          modelControlMode: "explicit",
          loadModel: ["first"],
          exitOnError: false
        })
      ).pipe(Effect.orDie)
      return { models, door: yield* kind.open(services) }
    })
  )

const rows = (door: Door, model: string) =>
  Effect.map(
    door.index(false),
    (entries) =>
      entries.filter(({ name }) => name === model).map(({ state, version }) => `${version ?? ""} ${state ?? ""}`.trim())
  )

const works = (door: Door, model: string, version = "") =>
  door.infer({ model, version, inputs: [Tensors.from("INPUT0", [1, 1], Float32Array.of(1))] })

const notFound = (message: string) => ({ status: 404, message })

export const controlSuite = (kind: DoorKind): void =>
  layer(open(kind), { excludeTestServices: true })(`${kind.name}, models on demand`, (it) => {
    const refusal = <A>(effect: Effect.Effect<A, { readonly status: number; readonly message: string }>) =>
      Effect.map(Effect.flip(effect), ({ message, status }) => ({ status, message }))

    it.effect("loads a model, unloads it, and tells so in the index", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        yield* works(door, "first")
        const unknown = notFound("Request for unknown model: 'plain' is not found")
        assert.deepStrictEqual(yield* refusal(works(door, "plain")), unknown)
        assert.deepStrictEqual(yield* rows(door, "plain"), [""])
        yield* door.load("plain")
        yield* works(door, "plain")
        yield* door.load("plain")
        assert.deepStrictEqual(yield* rows(door, "plain"), ["1 READY"])
        yield* door.unload("plain", { unloadDependents: true })
        assert.deepStrictEqual(
          yield* refusal(works(door, "plain")),
          notFound("Request for unknown model: 'plain' has no available versions")
        )
        yield* rows(door, "plain").pipe(
          Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (seen) => seen.join() === "1 UNAVAILABLE" })
        )
        const entry = (yield* door.index(false)).find(({ name }) => name === "plain")
        assert.strictEqual(entry?.reason, "unloaded")
        yield* door.unload("plain")
        yield* door.unload("never loaded")
        assert.isTrue(yield* door.ready)
      }))

    it.effect("loads and unloads one version by itself", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        yield* door.load("versions", { version: "1" })
        assert.deepStrictEqual(yield* rows(door, "versions"), ["1 READY"])
        yield* door.load("versions", { version: 2 })
        assert.deepStrictEqual(yield* rows(door, "versions"), ["1 READY", "2 READY"])
        yield* door.unload("versions", { version: 2 })
        yield* works(door, "versions", "1")
        assert.strictEqual((yield* refusal(works(door, "versions", "2"))).status, 503)
        yield* door.load("versions")
        assert.deepStrictEqual(yield* rows(door, "versions"), ["1 READY", "2 READY"])
        assert.deepStrictEqual(yield* refusal(door.load("versions", { version: "7" })), {
          status: 500,
          message: "failed to load 'versions', no version is available\n" +
            "version 7 is not in the repository, which holds 1, 2"
        })
        for (const change of [door.load("versions", { version: "1x" }), door.unload("versions", { version: "" })]) {
          const { message, status } = yield* refusal(change)
          assert.strictEqual(status, 400)
          assert.match(
            message,
            /^invalid version '.*' to load or unload alone, version should be an integral value > 0$/
          )
        }
      }))

    it.effect("takes a config for that of the repository, until that changes", () =>
      Effect.gen(function*() {
        const { door, models } = yield* Opened
        const size = Effect.suspend(() =>
          Effect.map(door.modelConfig("overridden", ""), (text) => JSON.parse(text).max_batch_size)
        )
        yield* door.load("overridden", { config: JSON.stringify({ maxBatchSize: 5 }) })
        assert.strictEqual(yield* size, 5)
        yield* door.load("overridden")
        assert.strictEqual(yield* size, 5)
        writeFileSync(join(models, "overridden", "config.pbtxt"), "max_batch_size: 3")
        yield* door.load("overridden")
        assert.strictEqual(yield* size, 3)
      }))

    it.effect("serves files that come with the load, of a model that no repository holds", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const files = new Map([["3/model.onnx", Models.identityFp32()]])
        yield* door.load("sent", { config: JSON.stringify({ max_batch_size: 4 }), files })
        assert.strictEqual((yield* works(door, "sent")).modelVersion, "3")
        yield* door.unload("sent")
        assert.strictEqual((yield* refusal(works(door, "sent"))).status, 404)
      }))

    it.effect("says why a model does not load", () =>
      Effect.gen(function*() {
        const { door } = yield* Opened
        const failed = (name: string) => `failed to load '${name}', failed to poll from model repository`
        assert.deepStrictEqual(yield* refusal(door.load("absent")), {
          status: 500,
          message: `${failed("absent")}\nfailed to poll model 'absent': model not found in any model repository.`
        })
        const broken = yield* refusal(door.load("broken"))
        assert.strictEqual(broken.status, 400)
        assert.match(
          broken.message,
          /^load failed for model 'broken': version 1 is at UNAVAILABLE state: Internal: [^]+;\n$/
        )
        const bad = yield* refusal(door.load("first", { config: "{" }))
        assert.strictEqual(bad.status, 500)
        assert.isTrue(bad.message.startsWith(`${failed("first")}\nInvalid config override: `), bad.message)
        const escaping = new Map([["../1/model.onnx", new Uint8Array(1)]])
        assert.deepStrictEqual(yield* refusal(door.load("first", { config: "{}", files: escaping })), {
          status: 500,
          message: `${failed("first")}\nInvalid file parameter 'file:../1/model.onnx' with normalized path ` +
            "'../1/model.onnx' must stay within model directory."
        })
        assert.deepStrictEqual(yield* refusal(door.load("a\\b")), {
          status: 400,
          message: "invalid model name 'a\\b', model name must not contain path traversal characters"
        })
        yield* works(door, "first")
      }))
  })
