import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { writeFileSync } from "node:fs"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import { type CachedVersion, ResponseCache } from "../../src/services/ResponseCache.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as ProgramLogger from "../ProgramLogger.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const config = "max_batch_size: 8\nresponse_cache { enable: true }\n"
const { model, weights } = Models.externalData()
const tree: TemporaryRepository.Tree = {
  "m/config.pbtxt": config,
  "m/labels.txt": "one\n",
  "m/1/model.onnx": model,
  "m/1/weights.bin": weights
}

/** The versions of a repository for which the cache was opened, and what the log said. */
const opened = Effect.fnUntraced(function*(
  files: TemporaryRepository.Tree,
  whileLoading: (root: string) => void = () => {}
) {
  const root = yield* TemporaryRepository.make(files)
  const versions: Array<CachedVersion> = []
  const lines: Array<string> = []
  const cache = Layer.succeed(ResponseCache, {
    open: (version) => {
      versions.push(version)
      return Effect.succeed(version.scheduler)
    },
    usage: () => ({ local: undefined, redis: undefined, shared: 0 })
  })
  const log = FakeExecution.log()
  let changed = false
  log.events.push = (...events) => {
    // Opening the instances comes after the reading of the version.
    if (events.some((event) => event.startsWith("open ")) && !changed) {
      changed = true
      whileLoading(root)
    }
    return 0
  }
  yield* FileModelRepository.layer({ paths: [root] }).pipe(
    Layer.provide([FakeExecution.layer(log), TemporaryRepository.platform, cache]),
    Layer.build,
    Effect.provide(Logger.layer([ProgramLogger.make(({ message }) => void lines.push(String(message)))]))
  )
  return { identities: versions.map(({ identity }) => identity), versions, lines }
})

const identity = (files: TemporaryRepository.Tree) =>
  Effect.map(opened(files), ({ identities }) => {
    assert.strictEqual(identities.length, 1)
    assert.match(identities[0]!, /^[0-9a-f]{64}$/)
    return identities[0]!
  })

describe("VersionCache", () => {
  it.effect("gives the same contents the same identity, wherever they lie", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* identity(tree), yield* identity(tree))
      const { versions } = yield* opened(tree)
      assert.deepStrictEqual([versions[0]!.model, versions[0]!.version], ["m", 1])
    }))

  it.effect("gives other contents another one, whatever has changed", () =>
    Effect.gen(function*() {
      const changes: ReadonlyArray<TemporaryRepository.Tree> = [
        {},
        { "m/1/weights.bin": new Uint8Array(Float32Array.of(1, 2, 3, 5).buffer) },
        { "m/1/model.onnx": Buffer.concat([model, Buffer.from([0x42, 0])]) },
        { "m/1/more.txt": "" },
        { "m/config.pbtxt": `${config}parameters { key: "k" value: { string_value: "v" } }\n` }
      ]
      const identities = yield* Effect.forEach(changes, (change) => identity({ ...tree, ...change }))
      assert.strictEqual(new Set(identities).size, changes.length)
    }))

  it.effect("looks at data that lies beside the target of a link", () =>
    Effect.gen(function*() {
      const of = (bytes: Uint8Array) =>
        Effect.gen(function*() {
          const outer = yield* TemporaryRepository.make({
            "elsewhere/model.onnx": model,
            "elsewhere/weights.bin": bytes
          })
          return yield* identity({
            "m/config.pbtxt": config,
            "m/1/model.onnx": { link: `${outer}/elsewhere/model.onnx` }
          })
        })
      assert.strictEqual(yield* of(weights), yield* of(weights))
      assert.notStrictEqual(yield* of(weights), yield* of(weights.toReversed()))
    }))

  it.effect("does not share the answers of files that change while they are being loaded", () =>
    Effect.gen(function*() {
      const { identities, lines } = yield* opened(
        tree,
        (root) => writeFileSync(`${root}/m/1/weights.bin`, weights)
      )
      assert.match(identities.join(), /^[0-9a-f]{8}-/)
      assert.isTrue(lines.some((line) => line.includes("its files changed while it was being loaded")))
    }))

  it.effect("leaves versions alone whose config does not ask for it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* opened({ ...tree, "m/config.pbtxt": "max_batch_size: 8\n" })).identities, [])
    }))
})
