/** Sees the effect of every option of repositories on other machines on a started server. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as IndexRepository from "../../../src/layers/repository/IndexRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as WebServer from "../sources/WebServer.ts"
import * as Child from "./Child.ts"
import type { Test } from "./GrpcOptions.ts"
import * as InProcess from "./InProcess.ts"

const model = Models.simple()

/** A served repository with one model of so many versions. */
const repository = (versions: number) =>
  Effect.gen(function*() {
    const folder = yield* Child.folder({
      simple: Object.fromEntries(
        Array.from({ length: versions }, (_, i) => [i + 1, { "model.onnx": model, "name.txt": `version ${i}` }])
      )
    })
    yield* Effect.orDie(Effect.provide(IndexRepository.write(folder), NodeServices.layer))
    return yield* WebServer.serve(folder)
  })

/** What a server says that does not start with these options. */
const refusal = (web: WebServer.WebServer, cache: string, ...options: ReadonlyArray<string>) =>
  Effect.map(
    InProcess.run(["serve", web.url, `--repository-cache-directory=${cache}`, ...options]),
    ({ code, err, out }) => {
      assert.strictEqual(code, 1, out)
      return err
    }
  )

/** Registers the tests. */
export const sourceOptions = (test: Test): void => {
  describe("options of repositories on other machines", () => {
    const within = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

    test(
      "say where files are kept, and how many are fetched at once",
      ["repository-cache-directory", "repository-fetch-concurrency"],
      within(Effect.gen(function*() {
        const web = yield* repository(4)
        const folder = yield* Child.folder({})
        const cache = join(folder, "cache")
        const server = yield* InProcess.serve([
          web.url,
          `--repository-cache-directory=${cache}`,
          "--repository-fetch-concurrency=1"
        ])
        assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/simple/ready`)).status, 200)
        assert.strictEqual(web.most, 1)
        assert.strictEqual(readdirSync(join(cache, "v1", "blobs")).length, 5)
      }))
    )

    test(
      "bound what is kept and listed",
      ["repository-cache-bytes", "repository-max-files", "repository-max-index-bytes"],
      within(Effect.gen(function*() {
        const web = yield* repository(2)
        const cache = yield* Child.folder({})
        assert.include(
          yield* refusal(web, cache, "--repository-cache-bytes=10"),
          `no room for the ${model.length} bytes of 'simple/1/model.onnx' in the cache folder`
        )
        assert.include(yield* refusal(web, cache, "--repository-max-files=1"), "names more than the 1 files")
        assert.include(yield* refusal(web, cache, "--repository-max-index-bytes=10"), "has more than the 10 bytes")
      }))
    )

    test(
      "say how long and how often a store is asked, and where it may lead",
      ["repository-fetch-retry-count", "repository-fetch-timeout-secs", "repository-max-redirects"],
      within(Effect.gen(function*() {
        const web = yield* repository(1)
        const cache = yield* Child.folder({})
        web.hook = (_path, _request, response) => {
          response.writeHead(503).end()
          return true
        }
        assert.include(yield* refusal(web, cache, "--repository-fetch-retry-count=1"), "answered with status 503")
        assert.strictEqual(web.log.length, 2)
        web.hook = () => true
        assert.include(
          yield* refusal(web, cache, "--repository-fetch-retry-count=0", "--repository-fetch-timeout-secs=1"),
          "within the time for it"
        )
        web.hook = (path, _request, response) => {
          response.writeHead(302, { location: path }).end()
          return true
        }
        assert.include(yield* refusal(web, cache, "--repository-max-redirects=0"), "leads on more than 0 times")
      }))
    )
  })
}
