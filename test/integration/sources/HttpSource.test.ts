/** A repository on a real web server: its index, its files, and all that can go wrong on the way. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, type Scope } from "effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as IndexRepository from "../../../src/layers/repository/IndexRepository.ts"
import * as RepositorySources from "../../../src/layers/repository/RepositorySources.ts"
import type { PollFailed } from "../../../src/schema/Errors.ts"
import type * as RepositoryIndex from "../../../src/schema/RepositoryIndex.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"
import * as WebServer from "./WebServer.ts"

type Services = RepositorySource | Layer.Success<typeof NodeServices.layer> | Scope.Scope

const files = { "m/1/model.onnx": "one", "m/config.pbtxt": "", "n/2/net #1 é.onnx": "two" }

/** A served repository, its source, and the cache folder of that. */
interface Given {
  readonly folder: string
  readonly web: WebServer.WebServer
  readonly cache: string
}

const test = <E>(
  title: string,
  effect: (given: Given) => Effect.Effect<void, E, Services>,
  options: RepositorySources.Options = {}
) =>
  it.live(title, () =>
    Effect.gen(function*() {
      const folder = yield* TemporaryRepository.make(files)
      const cache = yield* TemporaryRepository.make({})
      const web = yield* WebServer.serve(folder)
      yield* IndexRepository.write(folder)
      yield* effect({ folder, web, cache }).pipe(
        Effect.provide(
          RepositorySources.layerWith({ cacheDirectory: cache, fetchRetryCount: 1, environment: {}, ...options })
        )
      )
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

const open = (root: string) => Effect.flatMap(RepositorySource, (sources) => sources.open(root))

const read = (directory: string, name: string) => readFileSync(join(directory, name), "utf8")

const failureOf = <A, R>(effect: Effect.Effect<A, PollFailed, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

/** Changes the index that is served. */
const rewrite = (folder: string, change: (index: RepositoryIndex.RepositoryIndex) => unknown) => {
  const file = join(folder, "index.json")
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))))
}

describe("a repository on a web server", () => {
  test("is listed by its index, and its files are fetched beside it", ({ web }) =>
    Effect.gen(function*() {
      const source = yield* open(`${web.url}//`)
      assert.strictEqual(source.root, web.url)
      assert.strictEqual(yield* open(`${web.url}/index.json`), source)
      assert.deepStrictEqual((yield* source.list).models.map(({ name }) => name), ["m", "n"])
      assert.deepStrictEqual(web.log, [{ path: "/index.json", authorization: undefined }])
      const { directory } = yield* source.open("n")
      assert.strictEqual(read(directory, "2/net #1 é.onnx"), "two")
      assert.deepStrictEqual([...(yield* source.fingerprint("m")).keys()], ["1", "config.pbtxt"])
    }))

  test("shows a change once its index does", ({ folder, web }) =>
    Effect.gen(function*() {
      const source = yield* open(web.url)
      yield* source.list
      const before = yield* source.fingerprint("m")
      yield* TemporaryRepository.write(folder, { "m/2/model.onnx": "new" })
      yield* source.list
      assert.deepStrictEqual(yield* source.fingerprint("m"), before)
      yield* IndexRepository.write(folder)
      yield* source.list
      const after = yield* source.fingerprint("m")
      assert.deepStrictEqual([...after.keys()], ["1", "2", "config.pbtxt"])
      assert.strictEqual(after.get("1"), before.get("1"))
    }))

  test("refuses a file whose hash is not that of the index", ({ folder, web }) =>
    Effect.gen(function*() {
      const source = yield* open(web.url)
      yield* source.list
      writeFileSync(join(folder, "m/1/model.onnx"), "eno")
      assert.include(
        yield* failureOf(Effect.scoped(source.open("m"))),
        "'m/1/model.onnx' of " + web.url + " has the SHA-256 "
      )
      // Written again, the index tells the truth: the model opens without another listing by hand.
      yield* IndexRepository.write(folder)
      assert.strictEqual(read((yield* source.open("m")).directory, "1/model.onnx"), "eno")
    }))

  test("tries a body again that broke off, and leaves nothing of it", ({ cache, web }) =>
    Effect.gen(function*() {
      const source = yield* open(web.url)
      let broken = 1
      web.hook = (path, _, response) => {
        if (path !== "/m/1/model.onnx" || broken-- <= 0) return false
        response.writeHead(200, { "content-length": 3 }).write("o", () => response.destroy())
        return true
      }
      assert.strictEqual(read((yield* source.open("m")).directory, "1/model.onnx"), "one")
      assert.strictEqual(web.log.filter(({ path }) => path === "/m/1/model.onnx").length, 2)
      assert.strictEqual(readdirSync(join(cache, "v1", "blobs")).length, 2)
      const [session] = readdirSync(join(cache, "v1", "sessions"))
      assert.deepStrictEqual(readdirSync(join(cache, "v1", "sessions", session!)), ["1"])
    }))

  test("fails where the server goes down in the midst of a download, and opens once it is back", ({ cache, folder, web }) =>
    Effect.gen(function*() {
      const source = yield* open(web.url)
      yield* source.list
      web.hook = (path, _, response) => {
        if (path !== "/m/1/model.onnx") return false
        response.writeHead(200, { "content-length": 3 }).write("o", () => void Effect.runFork(web.stop))
        return true
      }
      const message = yield* failureOf(Effect.scoped(source.open("m")))
      assert.include(message, web.url)
      assert.include(message, "no answer from")
      assert.deepStrictEqual(readdirSync(join(cache, "v1", "sessions")).length, 1)
      assert.notInclude(readdirSync(join(cache, "v1", "blobs"), { recursive: true }).join(), "fetched")
      assert.include(yield* failureOf(source.list), "no answer from")
      // Elsewhere by now, with the same contents: nothing of them was lost.
      const back = yield* WebServer.serve(folder)
      const { directory } = yield* (yield* open(back.url)).open("m")
      assert.strictEqual(read(directory, "1/model.onnx"), "one")
    }))

  test("says so where there is no index, or one that is none", ({ folder, web }) =>
    Effect.gen(function*() {
      const source = yield* open(web.url)
      const list = failureOf(source.list)
      rewrite(folder, (index) => ({ ...index, version: 2 }))
      assert.include(yield* list, `${web.url}/index.json is no index of a repository`)
      rewrite(
        folder,
        () => ({ format: "galatea-repository", version: 1, models: [{ name: "m", files: [{ path: "x" }] }] })
      )
      assert.include(yield* list, "size")
      writeFileSync(join(folder, "index.json"), "<html>")
      assert.include(yield* list, "Write one with 'galatea index'")
      assert.include(yield* failureOf((yield* open(`${web.url}/elsewhere`)).list), "was answered with status 404")
    }))

  test("refuses files that would lie elsewhere", ({ cache, folder, web }) =>
    Effect.gen(function*() {
      rewrite(folder, ({ models, ...index }) => ({
        ...index,
        models: models.map((model) => ({
          ...model,
          files: model.name === "n" ? model.files : [{ ...model.files[0], path: "../../../escaped" }]
        }))
      }))
      const source = yield* open(web.url)
      const { failures, models } = yield* source.list
      assert.deepStrictEqual(models.map(({ name }) => name), ["n"])
      assert.include(failures[0]?.message, "leads out of its folder")
      assert.include(yield* failureOf(Effect.scoped(source.open("m"))), "leads out of its folder")
      assert.notInclude(readdirSync(cache, { recursive: true }).join(), "escaped")
    }))

  test(
    "follows redirects so many times, and takes credentials to its own host alone",
    ({ folder, web }) =>
      Effect.gen(function*() {
        const other = yield* WebServer.serve(folder)
        web.hook = (path, _, response) => {
          if (path === "/index.json") return false
          response.writeHead(302, { location: path.startsWith("/round") ? "/round" : `${other.url}${path}` }).end()
          return true
        }
        const source = yield* open(web.url)
        yield* source.open("m")
        assert.deepStrictEqual(new Set(web.log.map(({ authorization }) => authorization)), new Set(["Bearer secret"]))
        assert.deepStrictEqual(new Set(other.log.map(({ authorization }) => authorization)), new Set([undefined]))
        const round = yield* failureOf((yield* open(`${web.url}/round`)).list)
        assert.include(round, "leads on more than 2 times")
        assert.notInclude(round, "secret")
      }),
    { maxRedirects: 2, environment: { GALATEA_REPOSITORY_HTTP_TOKEN: "secret" } }
  )

  test("asks for credentials where there are none", ({ web }) =>
    Effect.gen(function*() {
      web.hook = (_, request, response) => {
        if (request.headers.authorization === `Basic ${Buffer.from("me:it's me").toString("base64")}`) return false
        response.writeHead(401).end()
        return true
      }
      const source = yield* open(web.url)
      yield* source.open("m")
      web.hook = (_path, _request, response) => {
        response.writeHead(403).end()
        return true
      }
      const message = yield* failureOf(source.list)
      assert.include(message, "was answered with status 403: the server wants other credentials")
      assert.notInclude(message, "it's me")
      assert.include(yield* failureOf(open("http://me:secret@127.0.0.1/models")), "has a user name or password in it")
      assert.notInclude(yield* failureOf(open("http://me:secret@127.0.0.1/models")), "secret")
    }), {
    environment: { GALATEA_REPOSITORY_HTTP_USERNAME: "me", GALATEA_REPOSITORY_HTTP_PASSWORD: "it's me" }
  })

  test("gives up a server that does not answer", ({ web }) =>
    Effect.gen(function*() {
      web.hook = () => true
      assert.include(yield* failureOf((yield* open(web.url)).list), "within the time for it")
    }), { fetchTimeout: "50 millis", fetchRetryCount: 0 })
})
