import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as JsonPlaces from "../../src/schema/JsonPlaces.ts"

const text = `{
  "a": [1, {"b\\n": -2.5e3}, true],
  "c": {
    "d": null, "e": "x{y"
  }
}`

const at = (path: JsonPlaces.Path) => {
  const { column, line } = JsonPlaces.find(text).of(path)
  return `${line}:${column}`
}

describe("JsonPlaces", () => {
  it("finds members by their names, and elements by their positions", () => {
    assert.strictEqual(at([]), "1:1")
    assert.strictEqual(at(["a"]), "2:3")
    assert.strictEqual(at(["a", 0]), "2:9")
    assert.strictEqual(at(["a", 1, "b\n"]), "2:13")
    assert.strictEqual(at(["a", 2]), "2:29")
    assert.strictEqual(at(["c", "d"]), "4:5")
    assert.strictEqual(at(["c", "e"]), "4:16")
  })

  it("gives the nearest value above one that is missing", () => {
    assert.strictEqual(at(["c", "z"]), "3:3")
    assert.strictEqual(at(["z"]), "1:1")
  })

  it("finds names that occur twice in one object", () => {
    const duplicate = (text: string) => JsonPlaces.find(text).duplicate
    assert.isUndefined(duplicate(`{"a": {"a": 1}, "b": {"a": "a"}}`))
    assert.deepStrictEqual(duplicate(`{"a": {"b": 1, "\\u0062": 2}}`), ["a", "b"])
  })

  it("outlives any nesting that the parser allows", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000)
    assert.deepStrictEqual(JsonPlaces.find(deep).of([0, 0]), { line: 1, column: 3 })
  })

  it("finds every value of any text where it stands", () => {
    const paths = (value: unknown, path: JsonPlaces.Path): ReadonlyArray<readonly [JsonPlaces.Path, unknown]> => [
      [path, value],
      ...Array.isArray(value)
        ? value.flatMap((one, i) => paths(one, [...path, i]))
        : typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([name, one]) => paths(one, [...path, name]))
        : []
    ]
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value, undefined, 1)
      const lines = text.split("\n")
      const places = JsonPlaces.find(text)
      for (const [path, found] of paths(JSON.parse(text), [])) {
        const { column, line } = places.of(path)
        const rest = lines[line - 1]!.slice(column - 1)
        const begin = typeof path.at(-1) === "string" ? `${JSON.stringify(path.at(-1))}: ` : ""
        const shown = typeof found === "object" && found !== null
          ? (Array.isArray(found) ? "[" : "{")
          : JSON.stringify(found)
        assert.isTrue(rest.startsWith(begin + shown), `${rest} at ${JSON.stringify(path)}`)
      }
    }))
  })

  it("shows paths as people write them", () => {
    assert.strictEqual(JsonPlaces.show(["a", 1, "b-c", "d e"]), `a[1].b-c["d e"]`)
    assert.strictEqual(JsonPlaces.show([]), "")
  })
})
