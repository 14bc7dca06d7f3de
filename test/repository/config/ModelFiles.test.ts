import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  checksumMismatch,
  checksums,
  labelFiles,
  labels
} from "../../../src/layers/repository/internal/config/ModelFiles.ts"
import { parse } from "./Stages.ts"

describe("labelFiles", () => {
  const paths = (file: string) =>
    labelFiles(parse(`name: "m" output [ { name: "a" }, { name: "x" label_filename: "${file}" } ]`), "/repo/m")

  it("finds label files below the model's directory", () => {
    assert.deepStrictEqual([...Result.getOrThrow(paths("labels.txt"))], [["x", "/repo/m/labels.txt"]])
    assert.deepStrictEqual([...Result.getOrThrow(paths("1/../a/labels.txt"))], [["x", "/repo/m/a/labels.txt"]])
    assert.deepStrictEqual([...Result.getOrThrow(paths("..labels"))], [["x", "/repo/m/..labels"]])
  })

  it("refuses those outside of it", () => {
    for (
      const [file, path] of [["../labels.txt", "/repo/labels.txt"], ["/etc/passwd", "/repo/m/etc/passwd"], [
        "..",
        "/repo"
      ]]
    ) {
      assert.deepStrictEqual(Result.getOrThrow(Result.flip(paths(file!))), {
        code: "UNSUPPORTED",
        message: `label file path '${path}' for output 'x' in model 'm' is outside model directory`
      })
    }
  })
})

describe("labels", () => {
  it("splits at line feeds only and trims nothing", () => {
    assert.deepStrictEqual(labels("cat\r\n dog \n\nbird\n"), ["cat\r", " dog ", "", "bird"])
    assert.deepStrictEqual(labels("cat"), ["cat"])
    assert.deepStrictEqual(labels(""), [])
  })
})

describe("checksums", () => {
  const asked = (key: string) =>
    checksums(
      parse(
        `name: "m" model_repository_agents { agents [ { name: "other" parameters { key: "x" value: "y" } }, ` +
          `{ name: "checksum" parameters { key: "${key}" value: "ABCDEF" } } ] }`
      ),
      "/repo/m"
    )

  it("lists the files to compare", () => {
    const found = Result.getOrThrow(asked("MD5:1/model.onnx"))
    assert.deepStrictEqual(found, [{ file: "1/model.onnx", path: "/repo/m/1/model.onnx", md5: "abcdef" }])
    assert.deepStrictEqual(checksumMismatch(parse("name: \"m\""), found[0]!), {
      code: "INVALID_ARG",
      message: "'m': Mismatched MD5 hash for file 1/model.onnx"
    })
    assert.deepStrictEqual(Result.getOrThrow(checksums(parse(""), "/repo/m")), [])
  })

  it("refuses other parameters and files outside of the model", () => {
    for (const key of ["SHA1:1/model.onnx", "MD5:", "MD5:../x", "MD5:/etc/passwd"]) {
      assert.include(
        Result.getOrThrow(Result.flip(asked(key))).message,
        `the form 'MD5:<file in the model directory>', got '${key}'`
      )
    }
  })
})
