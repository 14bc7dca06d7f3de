import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as S3Address from "../../../src/layers/repository/sources/S3Address.ts"

describe("S3Address", () => {
  it("reads every form, and makes one of equal ones", () => {
    const forms: ReadonlyArray<readonly [string, S3Address.S3Address]> = [
      ["s3://bucket", { root: "s3://bucket", endpoint: undefined, bucket: "bucket", prefix: "" }],
      ["s3://bucket//a///b/", { root: "s3://bucket/a/b", endpoint: undefined, bucket: "bucket", prefix: "a/b" }],
      ["s3://my.bucket-1/a b", {
        root: "s3://my.bucket-1/a b",
        endpoint: undefined,
        bucket: "my.bucket-1",
        prefix: "a b"
      }],
      ["s3://localhost:9000/bucket/a", {
        root: "s3://localhost:9000/bucket/a",
        endpoint: "http://localhost:9000",
        bucket: "bucket",
        prefix: "a"
      }],
      ["s3://https://store.example:443/bucket", {
        root: "s3://https://store.example:443/bucket",
        endpoint: "https://store.example:443",
        bucket: "bucket",
        prefix: ""
      }],
      ["s3://http://10.0.0.1:9000//bucket/a/", {
        root: "s3://http://10.0.0.1:9000/bucket/a",
        endpoint: "http://10.0.0.1:9000",
        bucket: "bucket",
        prefix: "a"
      }]
    ]
    for (const [text, address] of forms) assert.deepStrictEqual(Result.getOrThrow(S3Address.parse(text)), address)
  })

  it("says what is wrong with others", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["s3://", "cannot be the name of a bucket"],
      ["s3://Bucket/a", "cannot be the name of a bucket"],
      ["s3://b", "cannot be the name of a bucket"],
      ["s3://localhost:9000", "cannot be the name of a bucket"],
      ["s3://localhost:9000/", "cannot be the name of a bucket"],
      ["s3://localhost:99999/bucket", "is no port"],
      ["s3://https://store.example/bucket", "without a port"],
      ["s3://bucket/../other", "has '.' or '..' in it"]
    ]
    for (const [text, problem] of cases) {
      const parsed = S3Address.parse(text)
      assert.isTrue(Result.isFailure(parsed) && parsed.failure.includes(problem), text)
    }
  })
})
