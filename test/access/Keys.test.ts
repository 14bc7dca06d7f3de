/** Files of API keys: what is read, and what is said of what cannot be. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { hash } from "node:crypto"
import * as KeyFile from "../../src/layers/access/internal/KeyFile.ts"
import { KeyRing } from "../../src/layers/access/internal/KeyRing.ts"
import { Scopes } from "../../src/layers/access/internal/Scopes.ts"
import * as ApiKeys from "../../src/schema/ApiKeys.ts"

const digest = (key: string) => hash("sha256", key, "hex")

const entry = (more: Readonly<Record<string, unknown>> = {}) => ({
  id: "a",
  hash: `sha256:${digest("secret")}`,
  scopes: [{ models: ["m"], verbs: ["infer"] }],
  ...more
})

const fileOf = (...keys: ReadonlyArray<unknown>) => JSON.stringify({ keys }, undefined, 2)

const problem = (text: string): string => {
  const read = KeyFile.parse("keys.json", text)
  return Result.isFailure(read) ? read.failure.message : "none"
}

describe("a file of API keys", () => {
  it("is read with its bounds, and a burst of a second where none is given", () => {
    const read = KeyFile.parse(
      "keys.json",
      fileOf(
        entry({
          expires: "2030-01-01T00:00:00Z",
          rate: { requestsPerSecond: 2.5 },
          quota: { requests: 9, windowSeconds: 60 }
        })
      )
    )
    assert.deepStrictEqual(Result.getOrThrow(read), [{
      id: "a",
      digest: digest("secret"),
      scopes: [{ models: ["m"], verbs: ["infer"] }],
      expiresAt: 1893456000000,
      rate: { requestsPerSecond: 2.5, burst: 3 },
      quota: { requests: 9, windowSeconds: 60 }
    }])
  })

  for (
    const [what, text, expected] of [
      [
        "a field that is wrong",
        fileOf(entry({ id: "" })),
        "keys.json:4:7: 'keys[0].id' is wrong; expected 1 to 64 letters"
      ],
      [
        "a field that is missing",
        fileOf({ id: "a" }),
        "keys.json:3:5: 'keys[0].hash' is missing; expected \"sha256:\""
      ],
      [
        "a field that is not known",
        fileOf(entry({ scope: 1 })),
        "'keys[0].scope' is no field; expected an object with 'id'"
      ],
      [
        "a key instead of its hash",
        fileOf(entry({ hash: "secret" })),
        "keys.json:5:7: 'keys[0].hash' is wrong; expected"
      ],
      [
        "a verb",
        fileOf(entry({ scopes: [{ models: ["m"], verbs: ["fly"] }] })),
        "is wrong; expected one of infer, read, admin"
      ],
      ["a moment", fileOf(entry({ expires: "tomorrow" })), "'keys[0].expires' is wrong; expected a moment such as"],
      ["a moment without a zone", fileOf(entry({ expires: "2030-01-01T00:00:00" })), "'keys[0].expires' is wrong"],
      ["an id that is there twice", fileOf(entry(), entry()), "'keys[1].id' is that of a key before it"],
      ["a hash that is there twice", fileOf(entry(), entry({ id: "b" })), "'keys[1].hash' is that of a key before it"],
      ["a member that is there twice", "{\"keys\": [], \"keys\": []}", "keys.json:1:14: 'keys' stands there twice"],
      ["no list", "[]", "keys.json:1:1: the file is wrong; expected an object with 'keys'"],
      ["a syntax error", "{\n  \"keys\": [\n    oops-secret\n  ]\n}", "keys.json:3:5: this is no JSON"],
      ["half a file", "{ \"keys\": [", "keys.json:1:11: this is no JSON"]
    ] as const
  ) {
    it(`says where there is ${what}`, () => assert.include(problem(text), expected))
  }

  it("is never quoted: a key may stand in it by mistake", () => {
    for (
      const text of [
        fileOf(entry({ hash: "secret" })),
        "{ \"keys\": [ secret ] }",
        fileOf(entry({ id: "secret secret" }))
      ]
    ) {
      assert.notInclude(problem(text), "secret", text)
    }
  })
})

describe("a ring of keys", () => {
  it("finds the one with a text among ten thousand, and no other", () => {
    const keys = Array.from(
      { length: 10_000 },
      (_, i) => ({ ...entry({ id: `k${i}`, hash: `sha256:${digest(`key ${i}`)}` }) })
    )
    const ring = new KeyRing(Result.getOrThrow(ApiKeys.fromJson({ keys })))
    assert.strictEqual(ring.size, 10_000)
    for (const i of [0, 4711, 9999]) assert.strictEqual(ring.find(`key ${i}`)?.id, `k${i}`)
    for (const wrong of ["", "key 10000", "key 1 ", digest("key 1"), "k".repeat(1_000_000)]) {
      assert.strictEqual(ring.find(wrong), undefined)
    }
  })

  it("compares the whole digest where two begin alike", () => {
    const real = digest("real")
    const like = real.slice(0, 12) + digest("other").slice(12)
    const keys = [entry({ id: "like", hash: `sha256:${like}` }), entry({ id: "real", hash: `sha256:${real}` })]
    const ring = new KeyRing(Result.getOrThrow(ApiKeys.fromJson({ keys })))
    assert.strictEqual(ring.find("real")?.id, "real")
    assert.strictEqual(ring.find("other"), undefined)
  })
})

describe("scopes", () => {
  const may = (models: ReadonlyArray<string>, name: string) =>
    new Scopes([{ models, verbs: ["read"] }]).has("read", name)

  it("take names exactly, and * for any characters", () => {
    for (
      const [pattern, name, fits] of [
        ["m", "m", true],
        ["m", "mm", false],
        ["m*", "m", true],
        ["m*", "model", true],
        ["*m", "form", true],
        ["*m", "forms", false],
        ["a*b", "ab", true],
        ["a*b", "a", false],
        ["ab*bc", "abc", false],
        ["a*b*c", "axbxbxc", true],
        ["a*b*c", "acb", false],
        ["a**c", "abc", true],
        ["team/*", "team/x", true],
        [".", "x", false],
        ["M", "m", false]
      ] as const
    ) assert.strictEqual(may([pattern], name), fits, `${pattern} ${name}`)
  })

  it("hold for the whole server with the pattern * alone", () => {
    assert.isTrue(may(["*"], ""))
    assert.isFalse(may(["**"], ""))
    assert.isFalse(may(["a*", "b"], ""))
  })

  it("give each verb alone", () => {
    const scopes = new Scopes([{ models: ["a"], verbs: ["infer"] }, { models: ["a*"], verbs: ["admin"] }])
    assert.deepStrictEqual(["infer", "read", "admin"].map((verb) => scopes.has(verb as "infer", "a")), [
      true,
      false,
      true
    ])
    assert.deepStrictEqual(["infer", "read", "admin"].map((verb) => scopes.hasAny(verb as "infer")), [
      true,
      false,
      true
    ])
  })

  it("match a pattern of many stars in no time", () => {
    assert.isFalse(may(["a*".repeat(100) + "b"], "a".repeat(100_000)))
  })
})

describe("the stamp of a file", () => {
  it.effect("is missing where there is no file", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* KeyFile.stamp("/no/such/file"), undefined)
      const failure = yield* Effect.flip(KeyFile.read("/no/such/file"))
      assert.include(failure.message, "/no/such/file cannot be read")
    }))
})
