import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { join } from "node:path"
import * as RolloutFile from "../../../src/layers/repository/internal/rollout/RolloutFile.ts"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"

const read = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make({ "m": null, ...tree })
  const directory = join(root, "m")
  const result = yield* Effect.result(Effect.provide(RolloutFile.read(directory), TemporaryRepository.platform))
  return Result.mapError(result, ({ code, message }) => `${code} ${message.replaceAll(directory, "m")}`)
})

const refusal = (content: string | Uint8Array) =>
  Effect.map(read({ "m/rollout.json": content }), (result) => Result.isFailure(result) ? result.failure : "read")

describe("RolloutFile", () => {
  it.effect("reads a file, with or without a byte order mark, and does without one", () =>
    Effect.gen(function*() {
      for (const mark of ["", "\uFEFF"]) {
        const found = yield* read({ "m/rollout.json": `${mark}{"labels": {"stable": 1}}` })
        assert.deepStrictEqual(Result.getOrThrow(found)?.rollout.labels, new Map([["stable", 1]]))
      }
      assert.deepStrictEqual(yield* read({}), Result.succeed(undefined))
    }))

  it.effect("says what is wrong with file, line, column and field", () =>
    Effect.gen(function*() {
      const text = `{
  "labels": {
    "stable": 1,
    "canary": "newest"
  }
}`
      assert.strictEqual(
        yield* refusal(text),
        "INVALID_ARG m/rollout.json:4:5: 'labels.canary' is \"newest\"; " +
          "expected a version (a whole number from 0 on), \"latest\" or \"previous\""
      )
      assert.strictEqual(
        yield* refusal(`{"labels": {"a": 1,\n "a": 2}}`),
        "INVALID_ARG m/rollout.json:2:2: 'labels.a' stands there twice; expected each name once"
      )
      assert.match(
        yield* refusal("{\n  \"labels\": {,}\n}"),
        /^INVALID_ARG m\/rollout.json is no JSON: .*line 2 column 14/
      )
      assert.match(yield* refusal(""), /^INVALID_ARG m\/rollout.json is no JSON: Unexpected end of JSON input$/)
      assert.match(yield* refusal("[1]"), /^INVALID_ARG m\/rollout.json:1:1: the file is a list; expected an object/)
    }))

  it.effect("refuses what is no text, too large, no file, or a trap", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* refusal(Uint8Array.of(0x22, 0xff, 0x22)), "INVALID_ARG m/rollout.json is not UTF-8")
      assert.strictEqual(
        yield* refusal(" ".repeat(RolloutFile.maxBytes + 1)),
        "INVALID_ARG file m/rollout.json has 65537 bytes, more than the 65536 that a file of its kind may have"
      )
      const directory = yield* read({ "m/rollout.json": null })
      assert.match(Result.merge(directory) as string, /^INTERNAL failed to open text file for read m\/rollout.json: /)
      const deep = `{"labels": ${"[".repeat(30_000)}${"]".repeat(30_000)}}`
      assert.match(yield* refusal(deep), /'labels' is a list; expected an object/)
      assert.match(yield* refusal(`{"labels": {"__proto__": 1}}`), /'labels.__proto__' is no label/)
    }))

  it.effect("refuses versions that are not served, where they stand", () =>
    Effect.gen(function*() {
      const text = `{\n "labels": {"a": 1, "b": 3},\n "shadow": {"share": 1,\n "to": 7}}`
      const file = Result.getOrThrow(RolloutFile.fromText("f", text))
      const check = (served: ReadonlyArray<number>) =>
        Result.merge(Result.mapError(RolloutFile.checkServed(file, served), ({ message }) => message))
      assert.isUndefined(check([1, 3, 7]))
      assert.strictEqual(
        check([1, 7]),
        "f:2:21: 'labels.b' stands for version 3, which is not served; expected one of 1, 7"
      )
      assert.strictEqual(
        check([1, 3]),
        "f:4:2: 'shadow.to' stands for version 7, which is not served; expected one of 1, 3"
      )
    }))
})
