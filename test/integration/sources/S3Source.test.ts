/** Repositories in a bucket of a real store on the loopback address, from the listing to an inference. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as RepositorySources from "../../../src/layers/repository/RepositorySources.ts"
import type { PollFailed } from "../../../src/schema/Errors.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"
import * as Child from "../cli/Child.ts"
import * as Bucket from "./Bucket.ts"

type Services = Layer.Success<typeof NodeServices.layer> | Scope.Scope

interface Given {
  readonly bucket: Bucket.Bucket
  readonly cache: string
}

const test = <E>(title: string, effect: (given: Given) => Effect.Effect<void, E, Services>) =>
  it.live.skipIf(Bucket.isAbsent)(title, () =>
    Effect.gen(function*() {
      const bucket = yield* Bucket.start
      const cache = yield* TemporaryRepository.make({})
      yield* effect({ bucket, cache })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

/** The source of a root, as a server of its own has it. */
const open = (root: string, cache: string, options: RepositorySources.Options = {}) =>
  Effect.gen(function*() {
    const services = yield* Layer.build(
      RepositorySources.layerWith({
        cacheDirectory: cache,
        fetchRetryCount: 1,
        environment: Bucket.credentials,
        ...options
      })
    )
    return yield* Effect.flatMap(RepositorySource, (sources) => sources.open(root)).pipe(
      Effect.provideContext(services)
    )
  })

const failureOf = <A, R>(effect: Effect.Effect<A, PollFailed, R>) => Effect.flip(effect)

const read = (directory: string, name: string) => readFileSync(join(directory, name), "utf8")

const inputs = ["INPUT0", "INPUT1"].map((name) => ({
  name,
  shape: [1, 16],
  datatype: "INT32",
  data: Array.from({ length: 16 }, (_, i) => i)
}))

const infer = (url: string) =>
  Child.ask(`${url}/v2/models/simple/infer`, { method: "POST", body: JSON.stringify({ inputs }) })

const config = "max_batch_size: 8\n"

describe("a repository in a bucket", () => {
  test("serves a model, and serves it again from the cache while the store is away", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("team/simple/config.pbtxt", config)
      yield* bucket.put("team/simple/1/model.onnx", Models.simple())
      const words = [`s3://${bucket.host}/models/team`, `--repository-cache-directory=${cache}`]
      const start = Effect.scoped(Effect.gen(function*() {
        const server = yield* Child.serve([...words, "--repository-fetch-retry-count=0"], {
          variables: Bucket.credentials
        })
        const { status, text } = yield* infer(server.url)
        assert.strictEqual(status, 200, text)
        assert.deepStrictEqual(JSON.parse(text).outputs[0].data, inputs[0]!.data.map((value) => 2 * value))
        server.process.kill("SIGTERM")
        assert.deepStrictEqual(yield* server.ended, { code: 0, signal: null })
        return server
      }))
      assert.notInclude((yield* start).err(), "does not answer")
      assert.deepStrictEqual(readdirSync(join(cache, "v1", "sessions")), [])
      yield* bucket.stop
      const again = yield* start
      assert.include(
        again.err(),
        `repository 's3://${bucket.host}/models/team' does not answer, and its models are those of`
      )
      assert.notInclude(again.err() + again.out(), "secret-testing")
    }))

  test("is shared by two servers that start at once with one cache folder", ({ bucket, cache }) =>
    Effect.gen(function*() {
      for (const name of ["simple", "second", "third"]) {
        yield* bucket.put(`${name}/config.pbtxt`, config)
        yield* bucket.put(`${name}/1/model.onnx`, Models.simple())
      }
      const serve = Child.serve([`s3://${bucket.host}/models`, `--repository-cache-directory=${cache}`], {
        variables: Bucket.credentials
      })
      for (const server of yield* Effect.all([serve, serve], { concurrency: 2 })) {
        assert.strictEqual((yield* infer(server.url)).status, 200)
      }
      assert.strictEqual(readdirSync(join(cache, "v1", "blobs")).length, 2)
    }))

  test("is followed by polling, without a failed request, and keeps its models where the store goes away", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("simple/config.pbtxt", config)
      yield* bucket.put("simple/1/model.onnx", Models.simple())
      const server = yield* Child.serve([
        `s3://${bucket.host}/models`,
        `--repository-cache-directory=${cache}`,
        "--repository-fetch-retry-count=0",
        "--model-control-mode=poll",
        "--repository-poll-secs=1"
      ], { variables: Bucket.credentials })
      const statuses = new Set<number>()
      const until = (has: (versions: ReadonlyArray<string>) => boolean) =>
        Effect.gen(function*() {
          statuses.add((yield* infer(server.url)).status)
          return JSON.parse((yield* Child.ask(`${server.url}/v2/models/simple`)).text).versions as ReadonlyArray<string>
        }).pipe(Effect.repeat({ until: has }))
      assert.deepStrictEqual(yield* until(() => true), ["1"])
      yield* bucket.put("simple/2/model.onnx", Models.simple())
      yield* until((versions) => versions.includes("2"))
      yield* bucket.remove("simple/2/model.onnx")
      yield* until((versions) => versions.includes("1"))
      yield* bucket.stop
      yield* server.printed(/no answer where it was asked to list the bucket/)
      assert.deepStrictEqual(yield* until(() => true), ["1"])
      assert.deepStrictEqual([...statuses], [200])
    }))

  test("is loaded from on demand", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("simple/config.pbtxt", config)
      yield* bucket.put("simple/1/model.onnx", Models.simple())
      yield* bucket.put("other/1/model.onnx", "never asked for")
      const server = yield* Child.serve([
        `s3://${bucket.host}/models`,
        `--repository-cache-directory=${cache}`,
        "--model-control-mode=explicit",
        "--load-model=simple"
      ], { variables: Bucket.credentials })
      const control = (what: string) =>
        Child.ask(`${server.url}/v2/repository/models/${what}`, { method: "POST", body: "{}" })
      assert.strictEqual((yield* infer(server.url)).status, 200)
      assert.strictEqual(readdirSync(join(cache, "v1", "blobs")).length, 2)
      yield* bucket.put("late/1/model.onnx", Models.simple())
      yield* bucket.put("late/config.pbtxt", config)
      assert.strictEqual((yield* control("late/load")).status, 200)
      assert.strictEqual((yield* control("simple/unload")).status, 200)
      assert.notStrictEqual((yield* infer(server.url)).status, 200)
    }))

  test("shows what changed, by entries", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("m/config.pbtxt", config)
      yield* bucket.put("m/1/model.onnx", "one")
      yield* bucket.put("m/2/model.onnx", "two")
      // What consoles make of a new folder.
      yield* bucket.put("m/3/", "")
      yield* bucket.put("empty/", "")
      const source = yield* open(`s3://${bucket.host}/models/`, cache)
      assert.strictEqual(source.root, `s3://${bucket.host}/models`)
      assert.deepStrictEqual((yield* source.list).models.map(({ name }) => name), ["m"])
      const before = yield* source.fingerprint("m")
      assert.deepStrictEqual([...before.keys()], ["1", "2", "config.pbtxt"])
      const first = yield* source.open("m")
      yield* bucket.put("m/2/model.onnx", "TWO")
      yield* source.list
      const after = yield* source.fingerprint("m")
      assert.notStrictEqual(after.get("2"), before.get("2"))
      assert.deepStrictEqual([after.get("1"), after.get("config.pbtxt")], [before.get("1"), before.get("config.pbtxt")])
      const second = yield* source.open("m")
      assert.strictEqual(read(first.directory, "2/model.onnx"), "two")
      assert.strictEqual(read(second.directory, "2/model.onnx"), "TWO")
      yield* bucket.remove("m/2/model.onnx")
      yield* source.list
      assert.deepStrictEqual([...(yield* source.fingerprint("m")).keys()], ["1", "config.pbtxt"])
      // Replaced after the listing, and before it was fetched: the listing is made again.
      yield* bucket.put("m/4/model.onnx", "four")
      yield* source.list
      yield* bucket.put("m/4/model.onnx", "FOUR")
      assert.strictEqual(read((yield* source.open("m")).directory, "4/model.onnx"), "FOUR")
    }))

  test("is listed to its end, beyond the thousand objects of one answer", ({ bucket, cache }) =>
    Effect.gen(function*() {
      const keys = Array.from({ length: 1005 }, (_, i) => `many/1/part ${String(i).padStart(4, "0")}`)
      yield* Effect.forEach(keys, (key) => bucket.put(key, ""), { concurrency: 16, discard: true })
      yield* bucket.put("zzz/1/model.onnx", "last")
      const source = yield* open(`s3://${bucket.host}/models`, cache, { fetchConcurrency: 16 })
      assert.deepStrictEqual((yield* source.list).models.map(({ name }) => name), ["many", "zzz"])
      const { directory } = yield* source.open("many")
      assert.strictEqual(readdirSync(join(directory, "1")).length, 1005)
      const short = yield* open(`s3://${bucket.host}/models`, cache, { maxFiles: 1000 })
      assert.include((yield* failureOf(short.list)).message, "has more than the 1000 files that a repository may have")
    }))

  test("refuses keys that would lie elsewhere", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("good/1/model.onnx", "good")
      yield* bucket.put("control/1/a\u0001b", "x")
      yield* bucket.put("backslash/1/..\\..\\x", "x")
      yield* bucket.put("good+ %20/1/a+b %2e", "name")
      const source = yield* open(`s3://${bucket.host}/models`, cache)
      const { failures, models } = yield* source.list
      assert.deepStrictEqual(models.map(({ name }) => name), ["good", "good+ %20"])
      assert.deepStrictEqual(failures.map(({ model }) => model), ["backslash", "control"])
      assert.strictEqual(read((yield* source.open("good+ %20")).directory, "1/a+b %2e"), "name")
    }))

  test("tells an empty bucket from one that is missing, and from one that may not be read", ({ bucket, cache }) =>
    Effect.gen(function*() {
      const list = (root: string, options: RepositorySources.Options = {}) =>
        Effect.flatMap(open(root, cache, options), (source) => source.list)
      const empty = yield* list(`s3://${bucket.host}/models/nothing/here`)
      assert.deepStrictEqual(empty.models, [])
      assert.include(empty.warnings[0]?.message, "is empty: is it the right address?")
      const missing = yield* failureOf(list(`s3://${bucket.host}/other-models`))
      assert.strictEqual(missing.code, "NOT_FOUND")
      assert.include(missing.message, `there is no bucket 'other-models' at http://${bucket.host}`)
      yield* bucket.lock
      const denied = yield* failureOf(list(`s3://${bucket.host}/models/nothing/here`))
      assert.include(denied.message, "the store refuses to list the bucket: InvalidAccessKeyId")
      assert.include(denied.message, "s3:ListBucket and s3:GetObject")
      assert.notInclude(denied.message, "secret-testing")
      const nobody = yield* Child.run(
        ["serve", `s3://${bucket.host}/models`, `--repository-cache-directory=${cache}`],
        {
          variables: { HOME: cache, AWS_EC2_METADATA_DISABLED: "true" }
        }
      )
      assert.strictEqual(nobody.code, 1)
      assert.include(nobody.err, `no credentials for s3://${bucket.host}/models`)
      assert.include(nobody.err, "AWS_ACCESS_KEY_ID")
    }))

  test("finds the store, the region and the credentials in the environment", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("a/m/1/model.onnx", "one")
      const proxy = yield* Bucket.proxy(bucket)
      const source = yield* open("s3://models/a", cache, {
        environment: {
          AWS_ENDPOINT_URL: "http://127.0.0.1:1",
          AWS_ENDPOINT_URL_S3: proxy.url,
          AWS_DEFAULT_REGION: "eu-west-3",
          AWS_ACCESS_KEY_ID: "somebody",
          AWS_SECRET_ACCESS_KEY: "secret-testing",
          AWS_SESSION_TOKEN: "for a while"
        }
      })
      yield* source.open("m")
      const [listing, file] = proxy.log
      assert.strictEqual(listing?.path, "/models/")
      assert.match(String(listing?.headers["authorization"]), /Credential=somebody\/\d+\/eu-west-3\/s3\/aws4_request/)
      assert.strictEqual(listing?.headers["x-amz-security-token"], "for a while")
      assert.strictEqual(file?.path, "/models/a/m/1/model.onnx")
      assert.match(String(file?.headers["if-match"]), /^"[0-9a-f]{32}"$/)
    }))

  test("takes credentials out of a file, by the longest beginning of the root", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("a/m/1/model.onnx", "one")
      const proxy = yield* Bucket.proxy(bucket)
      const root = `s3://${proxy.host}/models/a`
      const folder = yield* TemporaryRepository.make({
        "credentials.json": JSON.stringify({
          s3: {
            "": { key_id: "anybody", secret_key: "x" },
            [`s3://${proxy.host}/models`]: { key_id: "longest", secret_key: "y", region: "eu-north-1" },
            [`s3://${proxy.host}/mod`]: { key_id: "shorter", secret_key: "z" }
          }
        }),
        "others.json": JSON.stringify({ s3: { "s3://elsewhere": { key_id: "a", secret_key: "b" } } }),
        "broken.json": "{ \"s3\": { \"\": \"very secret\" } }"
      })
      const file = (name: string) => ({
        environment: { ...Bucket.credentials, TRITON_CLOUD_CREDENTIAL_PATH: `${folder}/${name}` }
      })
      yield* Effect.flatMap(open(root, cache, file("credentials.json")), (source) => source.list)
      assert.match(String(proxy.log[0]?.headers["authorization"]), /Credential=longest\/\d+\/eu-north-1\/s3/)
      assert.strictEqual(
        (yield* failureOf(open(root, cache, file("others.json")))).message,
        `Cannot match credential for path  ${root}`
      )
      const broken = (yield* failureOf(open(root, cache, file("broken.json")))).message
      assert.include(broken, "TRITON_CLOUD_CREDENTIAL_PATH is not what it should be")
      assert.notInclude(broken, "very secret")
    }))

  test("tries a body again that broke off, and gives up where it always does", ({ bucket, cache }) =>
    Effect.gen(function*() {
      const text = "0123456789".repeat(1000)
      yield* bucket.put("m/1/model.onnx", text)
      const proxy = yield* Bucket.proxy(bucket)
      const source = yield* open(`s3://${proxy.host}/models`, cache)
      yield* source.list
      proxy.breaking = { path: "/models/m/1/model.onnx", after: 100, left: 2 }
      const failure = yield* failureOf(Effect.scoped(source.open("m")))
      assert.strictEqual(failure.code, "UNAVAILABLE")
      assert.include(failure.message, "m/1/model.onnx")
      assert.deepStrictEqual(readdirSync(join(cache, "v1", "blobs")), [])
      const [session] = readdirSync(join(cache, "v1", "sessions"))
      assert.deepStrictEqual(readdirSync(join(cache, "v1", "sessions", session!)), [])
      proxy.breaking = { path: "/models/m/1/model.onnx", after: 100, left: 1 }
      assert.strictEqual(read((yield* source.open("m")).directory, "1/model.onnx"), text)
    }))

  test("keeps what it knows where the store goes away", ({ bucket, cache }) =>
    Effect.gen(function*() {
      yield* bucket.put("m/1/model.onnx", "one")
      yield* bucket.put("n/1/model.onnx", "another")
      const source = yield* open(`s3://${bucket.host}/models`, cache)
      yield* source.list
      yield* source.open("m")
      yield* bucket.stop
      const failure = yield* failureOf(source.list)
      assert.strictEqual(failure.code, "UNAVAILABLE")
      assert.include(failure.message, "no answer where it was asked to list the bucket")
      assert.strictEqual((yield* source.fingerprint("m")).size, 1)
      assert.strictEqual(read((yield* source.open("m")).directory, "1/model.onnx"), "one")
      assert.strictEqual((yield* failureOf(Effect.scoped(source.open("n")))).code, "UNAVAILABLE")
    }))
})
