import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmod } from "node:fs/promises"
import { relative } from "node:path"
import * as Discovery from "../../src/layers/repository/internal/Discovery.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const discover = (...paths: ReadonlyArray<string>) =>
  Discovery.discover({ paths, modelNamespacing: false }).pipe(Effect.provide(TemporaryRepository.platform))

const names = (found: Discovery.Discovery) => found.models.map(({ name }) => name)

describe("Discovery", () => {
  it.effect("takes every directory for a model, hidden ones and links too, and passes over files", () =>
    Effect.gen(function*() {
      const elsewhere = yield* TemporaryRepository.make({ "1/model.onnx": "" })
      const root = yield* TemporaryRepository.make({
        "b/1/model.onnx": "",
        "a": null,
        ".git": null,
        "README.md": "",
        "linked": { link: elsewhere },
        "file-link": { link: "README.md" }
      })
      const found = yield* discover(root)
      assert.deepStrictEqual(names(found), [".git", "a", "b", "linked"])
      assert.deepStrictEqual(found.failures, [])
      assert.strictEqual(found.models[2]?.directory, `${root}/b`)
    }))

  it.effect("names the entry that cannot be used and keeps the others", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "good/1": null,
        "dangling": { link: "nowhere" },
        "bad\nname": null
      })
      const found = yield* discover(root)
      assert.deepStrictEqual(names(found), ["good"])
      assert.deepStrictEqual(found.failures.map(({ message }) => message), [
        "Poll failed for model directory 'bad\\nname': invalid model name 'bad\\nname', " +
        "model name must not contain control characters or bytes that are not UTF-8",
        `Poll failed for model directory 'dangling': failed to stat file ${root}/dangling: ` +
        "broken symbolic link or no permission"
      ])
    }))

  it.effect("fails for a root that is missing, a file, in a store that is not supported, or unreadable", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "file.txt": "", "closed/model": null })
      const failed = (path: string) =>
        Effect.map(Effect.flip(discover(path)), ({ code, message }) => `${code} ${message}`)
      assert.isTrue(
        (yield* failed(`${root}/missing`)).startsWith(
          `INTERNAL failed to poll model repository '${root}/missing': failed to stat file ${root}/missing`
        )
      )
      assert.isTrue(
        (yield* failed(`${root}/file.txt`)).startsWith(
          `INVALID_ARG failed to poll model repository '${root}/file.txt': repository path is not a valid directory`
        )
      )
      for (const [scheme, flag] of [["gs", "GCS"], ["as", "AZURE_STORAGE"]]) {
        assert.include(
          yield* failed(`${scheme}://bucket/models`),
          `${scheme}:// file-system not supported. To enable, build with -DTRITON_ENABLE_${flag}=ON.`
        )
      }
      const secret = yield* failed("https://me:secret@host/models")
      assert.include(secret, "failed to poll model repository 'https://…@host/models': ")
      assert.notInclude(secret, "secret")
      yield* Effect.promise(() => chmod(`${root}/closed`, 0))
      if (process.getuid?.() !== 0) {
        assert.include(yield* failed(`${root}/closed`), `failed to open directory ${root}/closed: Permission denied`)
      }
      yield* Effect.promise(() => chmod(`${root}/closed`, 0o700))
    }))

  it.effect("takes roots as a set and refuses a name that two of them hold", () =>
    Effect.gen(function*() {
      const first = yield* TemporaryRepository.make({ "a/1": null, "both/1": null })
      const second = yield* TemporaryRepository.make({ "b/1": null, "both/1": null })
      const once = yield* discover(first, `${first}/`, relative(process.cwd(), first))
      assert.deepStrictEqual(names(once), ["a", "both"])
      const found = yield* discover(second, first)
      assert.deepStrictEqual(names(found), ["a", "b"])
      assert.deepStrictEqual(found.ambiguous, ["both"])
      assert.isTrue(
        found.failures[0]?.message.startsWith("failed to poll model 'both': not unique across all model repositories")
      )
      const spaced = yield* Discovery.discover({ paths: [first, second], modelNamespacing: true }).pipe(
        Effect.provide(TemporaryRepository.platform)
      )
      assert.deepStrictEqual(
        spaced.models.map(({ id }) => id),
        [`${first}::a`, `${first}::both`, `${second}::b`, `${second}::both`].sort()
      )
      assert.deepStrictEqual(spaced.ambiguous, [])
    }))

  it.effect("serves a bare file, and a directory that holds nothing but one", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "my net.onnx": "", "my net.onnx.data": "", ".cache": null })
      for (const path of [`${root}/my net.onnx`, root]) {
        const found = yield* discover(path)
        const located = {
          id: "my_net",
          name: "my_net",
          root: path,
          directory: root,
          file: `${root}/my net.onnx`,
          place: "local" as const
        }
        assert.deepInclude(found.models[0], located)
        assert.strictEqual(found.models.length, 1)
        assert.deepStrictEqual(yield* Effect.scoped(found.models[0]!.open), located)
        assert.strictEqual(found.warnings.length, 1)
      }
    }))

  it.effect("asks which file is meant when a directory holds several and no model", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "a.onnx": "", "b.onnx": "" })
      assert.include((yield* Effect.flip(discover(root))).message, "name one of a.onnx, b.onnx instead")
    }))

  it.effect("says so when model files lie beside the models", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "stray.onnx": "", "m/1/model.onnx": "" })
      const found = yield* discover(root)
      assert.deepStrictEqual(names(found), ["m"])
      assert.include(found.warnings[0]?.message, "'stray.onnx'")
    }))

  it.effect("hints at the directory above when it is given a model's own", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "models/configured/config.pbtxt": "",
        "models/configured/1/model.onnx": "",
        "models/plain/1/model.onnx": "",
        "models/plain/2/model.onnx": ""
      })
      const hints = (path: string) =>
        Effect.map(discover(path), ({ warnings }) => warnings.map(({ message }) => message))
      for (const name of ["configured", "plain"]) {
        assert.deepStrictEqual(yield* hints(`${root}/models/${name}`), [
          `'${root}/models/${name}' looks like the directory of one model: a repository is the one above it`
        ])
      }
      assert.deepStrictEqual(yield* hints(`${root}/models`), [])
    }))
})
