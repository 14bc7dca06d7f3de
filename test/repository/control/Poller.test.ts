import { assert, describe, it } from "@effect/vitest"
import { Effect, PlatformError } from "effect"
import { rename, rm } from "node:fs/promises"
import { join } from "node:path"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx, polling, serving, type Setup } from "./Repository.ts"

const all = "version_policy { all { } }"

const one = (tree: TemporaryRepository.Tree, setup: Setup = {}) =>
  Effect.flatMap(TemporaryRepository.make(tree), (root) => polling([root], setup))

const remove = (path: string) => Effect.promise(() => rm(path, { recursive: true }))

const denied = PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "readDirectory" })

describe("polling", () => {
  it.effect("takes up models that are added, changed and removed", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/config.pbtxt": all, "m/1/model.onnx": onnx })
      const { log, poll, root, write } = polled
      yield* poll()
      assert.deepStrictEqual(log(), ["open m 1"])
      yield* write({ "m/2/model.onnx": onnx, "n/1/model.onnx": onnx })
      yield* poll()
      assert.deepStrictEqual(log().slice(1).toSorted(), ["open m 2", "open n 1"])
      yield* remove(join(root, "m", "1"))
      yield* remove(join(root, "n"))
      yield* poll()
      assert.deepStrictEqual(log().slice(3).toSorted(), ["close m 1", "close n 1"])
      assert.deepStrictEqual(yield* polled.rows("m"), ["2 READY"])
      assert.deepStrictEqual(yield* polled.rows("n"), [])
      assert.deepStrictEqual(polled.events.slice(-2).map((event) => event._tag), ["Unloading", "Unloaded"])
      assert.deepStrictEqual(polled.complaints(), [])
    }))

  it.effect("waits for nothing and reads nothing where nothing changed", () =>
    Effect.gen(function*() {
      const reads: Array<string> = []
      const polled = yield* one({ "m/1/model.onnx": onnx, "m/labels.txt": "a" }, {
        fileSystem: (real) => ({
          open: (path, options) => {
            reads.push(path)
            return real.open(path, options)
          }
        })
      })
      yield* polled.poll(Effect.void, Infinity)
      const settled = polled.settled()
      for (const file of ["m/1/model.onnx", "m/labels.txt"]) assert.include(reads, join(polled.root, file))
      reads.length = 0
      for (let i = 0; i < 3; i++) yield* polled.poll(Effect.void, Infinity)
      assert.strictEqual(polled.settled(), settled)
      assert.deepStrictEqual(reads, [])
      assert.deepStrictEqual(polled.log(), ["open m 1"])
    }))

  it.effect("takes up nothing that still changes", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/1/model.onnx": onnx })
      const { log, poll, write } = polled
      yield* poll()
      yield* write({ "half/1/model.onnx": onnx.subarray(0, 100) })
      yield* poll(write({ "half/1/model.onnx": onnx.subarray(0, 200) }))
      yield* poll(write({ "half/1/model.onnx": onnx }))
      assert.deepStrictEqual(log(), ["open m 1"])
      assert.deepStrictEqual(polled.complaints(), [])
      assert.deepStrictEqual(yield* polled.rows("half"), [""])
      yield* poll()
      assert.deepStrictEqual(log(), ["open m 1", "open half 1"])

      yield* write({ "m/1/model.onnx": "half a model" })
      yield* poll(write({ "m/1/model.onnx": onnx }))
      yield* poll()
      assert.deepStrictEqual(log().length, 2, "it is again what it was")
      yield* poll(write({ "late/1/model.onnx": onnx }))
      assert.strictEqual(serving(polled, "late"), undefined)
    }))

  it.effect("unloads nothing that is away for a moment", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/1/model.onnx": onnx })
      const { poll, root } = polled
      const move = (from: string, to: string) => Effect.promise(() => rename(join(root, from), join(root, to)))
      yield* poll()
      yield* move("m", ".away")
      yield* poll(move(".away", "m"))
      assert.deepStrictEqual(polled.log(), ["open m 1"])
      yield* move("m", ".away")
      yield* poll()
      assert.include(polled.log(), "close m 1")
      assert.strictEqual(serving(polled, "m"), undefined)
    }))

  it.effect("unloads nothing of a root that cannot be listed, and says so once", () =>
    Effect.gen(function*() {
      let broken = ""
      const first = yield* TemporaryRepository.make({ "a/1/model.onnx": onnx })
      const second = yield* TemporaryRepository.make({ "b/1/model.onnx": onnx })
      const polled = yield* polling([first, second], {
        fileSystem: (real) => ({
          readDirectoryEntries: (path) => path === broken ? Effect.fail(denied) : real.readDirectoryEntries(path)
        })
      })
      yield* polled.poll()
      broken = first
      yield* polled.write({ "new/1/model.onnx": onnx })
      yield* TemporaryRepository.write(second, { "c/1/model.onnx": onnx })
      for (let i = 0; i < 3; i++) yield* polled.poll()
      assert.deepStrictEqual(polled.log().toSorted(), ["open a 1", "open b 1", "open c 1"])
      assert.deepStrictEqual(polled.complaints(), [
        `failed to poll model repository '${first}': failed to open directory ${first}: Permission denied\n` +
        "Its models stay as they are."
      ])
      broken = ""
      yield* polled.poll()
      assert.strictEqual(serving(polled, "new"), 1)
      broken = first
      yield* polled.poll()
      assert.strictEqual(polled.complaints().length, 1)
    }))

  it.effect("keeps what serves of a model that cannot be read, and says why once", () =>
    Effect.gen(function*() {
      let broken = ""
      const polled = yield* one({ "m/1/model.onnx": onnx, "other/1/model.onnx": onnx }, {
        fileSystem: (real) => ({
          readDirectoryEntries: (path) => path === broken ? Effect.fail(denied) : real.readDirectoryEntries(path)
        })
      })
      yield* polled.poll()
      broken = join(polled.root, "m", "1")
      for (let i = 0; i < 3; i++) yield* polled.poll()
      const reason = `Poll failed for model directory 'm': failed to open directory ${broken}: Permission denied`
      assert.deepStrictEqual(polled.complaints(), [reason])
      assert.deepStrictEqual(yield* polled.rows("m"), [
        `1 READY serves what was loaded before; loading again failed: ${reason}`
      ])
      yield* polled.write({ "other/2/model.onnx": onnx })
      yield* polled.poll()
      assert.strictEqual(serving(polled, "other"), 2)
      broken = ""
      yield* polled.poll()
      assert.deepStrictEqual(yield* polled.rows("m"), ["1 READY"])
      assert.deepStrictEqual(polled.log().filter((event) => event.endsWith("m 1")), ["open m 1"])
    }))

  it.effect("ends at loops of links", () =>
    Effect.gen(function*() {
      const polled = yield* one({
        "m/1/model.onnx": onnx,
        "loop/1/model.onnx": onnx,
        "loop/1/again": { link: ".." },
        "dangling/1/model.onnx": { link: "nowhere" }
      })
      for (let i = 0; i < 2; i++) yield* polled.poll()
      assert.strictEqual(serving(polled, "m"), 1)
      const complaints = polled.complaints()
      assert.match(
        complaints.join("\n"),
        /loop\/1\/again.* lies more than 32 folders deep: is a symbolic link above it a loop\?/
      )
      assert.strictEqual(complaints.filter((text) => text.includes("'loop'")).length, 1)
      assert.match((yield* polled.rows("loop")).join(), /^UNAVAILABLE Poll failed for model directory 'loop': /)
    }))

  it.effect("reads nothing that never ends", () =>
    Effect.gen(function*() {
      const polled = yield* one({
        "m/1/model.onnx": onnx,
        "zero/1/model.onnx": onnx,
        "zero/1/weights.bin": { link: "/dev/zero" },
        "endless/1/model.onnx": onnx,
        "endless/rollout.json": { link: "/dev/zero" }
      })
      for (let i = 0; i < 2; i++) yield* polled.poll()
      assert.strictEqual(serving(polled, "m"), 1)
      assert.deepStrictEqual(polled.complaints().toSorted(), [
        `Poll failed for model directory 'endless': ${polled.root}/endless/rollout.json is no regular file ` +
        "(CharacterDevice): expected a file",
        `Poll failed for model directory 'zero': ${polled.root}/zero/1/weights.bin is no regular file ` +
        "(CharacterDevice): expected a file"
      ])
    }))

  it.effect("forgets why a folder could not be read that is gone", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/1/model.onnx": onnx, "zero/1/weights.bin": { link: "/dev/zero" } })
      for (let i = 0; i < 2; i++) yield* polled.poll()
      assert.deepStrictEqual([...polled.parts.reasons.keys()], ["zero"])
      polled.complaints()
      yield* remove(join(polled.root, "zero"))
      for (let i = 0; i < 2; i++) yield* polled.poll()
      assert.deepStrictEqual([...polled.parts.reasons.keys()], [])
      yield* polled.write({ "zero/1/weights.bin": { link: "/dev/zero" } })
      for (let i = 0; i < 2; i++) yield* polled.poll()
      assert.strictEqual(polled.complaints().length, 1, "it is told again")
    }))

  it.effect("keeps what serves when a change does not load, tells it once, and tries again ever more rarely", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/1/model.onnx": onnx })
      const { events, poll, write } = polled
      yield* poll()
      yield* write({ "m/1/model.onnx": "no model" })
      const tries = () => events.filter(({ _tag }) => _tag === "Loading").length
      const before = tries()
      yield* poll()
      assert.strictEqual(tries() - before, 1)
      assert.strictEqual(polled.complaints().length, 1)
      for (let i = 0; i < 62; i++) yield* poll()
      assert.strictEqual(tries() - before, 6)
      assert.deepStrictEqual(polled.complaints(), [])
      assert.strictEqual(serving(polled, "m"), 1)
      assert.match((yield* polled.rows("m")).join(), /^1 READY serves what was loaded before; .*Internal: /)
      yield* write({ "m/1/model.onnx": "no model either" })
      yield* poll()
      assert.strictEqual(polled.complaints().length, 1, "another failure is told")
      yield* write({ "m/1/model.onnx": onnx })
      yield* poll()
      assert.deepStrictEqual(yield* polled.rows("m"), ["1 READY"])
      assert.deepStrictEqual(polled.log(), ["open m 1"])
      yield* write({ "m/1/model.onnx": "no model" })
      yield* poll()
      assert.strictEqual(polled.complaints().length, 1, "it is told again after it was well")
    }))

  it.effect("loads a model that failed for a reason of the moment", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/1/model.onnx": onnx }, { failures: { "m 1": 2 } })
      for (let i = 0; i < 8; i++) yield* polled.poll()
      assert.deepStrictEqual(yield* polled.rows("m"), ["1 READY"])
      assert.deepStrictEqual(polled.complaints(), ["failed to load 'm' version 1: Internal: onnx runtime error 1: no"])
    }))

  it.effect("unloads a model that a second root holds as well, and loads it when one of them is gone", () =>
    Effect.gen(function*() {
      const first = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const second = yield* TemporaryRepository.make({ "x/1/model.onnx": onnx })
      const polled = yield* polling([first, second])
      yield* polled.poll()
      yield* TemporaryRepository.write(second, { "m/2/model.onnx": onnx })
      yield* polled.poll()
      yield* polled.poll()
      assert.strictEqual(serving(polled, "m"), undefined)
      assert.deepStrictEqual(yield* polled.rows("m"), ["UNAVAILABLE model appears in two or more repositories"])
      assert.match(
        polled.complaints().join("\n"),
        /^failed to poll model 'm': not unique across all model repositories .*\)$/
      )
      yield* remove(join(first, "m"))
      yield* polled.poll()
      assert.deepStrictEqual(yield* polled.rows("m"), ["2 READY"])
    }))

  it.effect("reads the config that is named", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "m/configs/small.pbtxt": "max_batch_size: 2", "m/1/model.onnx": onnx }, {
        modelConfigName: "small"
      })
      const size = () => {
        const found = polled.lookup("m", "")
        return found._tag === "Success" ? found.success.config.max_batch_size : undefined
      }
      yield* polled.poll()
      assert.strictEqual(size(), 2)
      yield* polled.write({ "m/configs/small.pbtxt": "max_batch_size: 3" })
      yield* polled.poll()
      assert.strictEqual(size(), 3)
    }))

  it.effect("forgets what is gone: its names, its failures and its versions", () =>
    Effect.gen(function*() {
      const polled = yield* one({ "keep/1/model.onnx": onnx })
      for (let i = 1; i < 6; i++) {
        yield* polled.write({ [`m${i}/1/model.onnx`]: i % 2 === 0 ? onnx : "x", [`keep/${i + 1}/model.onnx`]: onnx })
        yield* polled.poll()
        yield* remove(join(polled.root, `m${i}`))
        yield* remove(join(polled.root, "keep", String(i)))
        yield* polled.poll()
      }
      assert.deepStrictEqual([...polled.parts.lifecycle.states().keys()], ["keep"])
      assert.deepStrictEqual(polled.parts.records.entries().map(([id]) => id), ["keep"])
      assert.deepStrictEqual([...polled.parts.reasons.keys()], [])
      assert.deepStrictEqual(yield* polled.rows("keep"), ["6 READY"])
    }))
})
