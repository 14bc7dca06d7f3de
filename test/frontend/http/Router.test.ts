import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Router from "../../../src/layers/frontend/internal/http/Router.ts"

const route = (path: string): Router.Route => ({ path, category: "health", contentType: "text/plain" })

const paths = [
  "/v2",
  "/v2/health/live",
  "/v2/models/stats",
  "/v2/models/{model}[/versions/{version}]",
  "/v2/models/{model}[/versions/{version}]/infer",
  "/v2/models/{model}[/versions/{version}]/stats",
  "/v2/repository[/{repository}]/index",
  "/v2/repository[/{repository}]/models/{model}/load"
]
const router = Router.make(paths.map(route))

const find = (target: string): string => {
  const captures = Router.noCaptures()
  const found = router.find(target, captures)
  if (found === undefined) return "none"
  const names = Object.entries(captures).filter(([, value]) => value !== "").map(([name, value]) => `${name}=${value}`)
  return [found.path, ...names].join(" ")
}

describe("Router", () => {
  it("finds every pattern with and without its optional part", () => {
    assert.strictEqual(find("/v2"), "/v2")
    assert.strictEqual(find("/v2/models/m/infer"), `${paths[4]} model=m`)
    assert.strictEqual(find("/v2/models/m/versions/12/infer"), `${paths[4]} model=m version=12`)
    assert.strictEqual(find("/v2/models/m/versions/12"), `${paths[3]} model=m version=12`)
    assert.strictEqual(find("/v2/repository/index"), paths[6])
    assert.strictEqual(find("/v2/repository/r/index"), `${paths[6]} repository=r`)
    assert.strictEqual(find("/v2/repository/r/models/m/load"), `${paths[7]} model=m repository=r`)
  })

  it("finds the same each time that a target comes, also after more of them than are remembered", () => {
    const targets = [
      "/v2/models/m/infer?a=b",
      "/v2/models/n/versions/1/infer",
      "/v2/repository/r/index",
      "http://h/v2/models/m"
    ]
    const first = targets.map(find)
    assert.deepStrictEqual(targets.map(find), first)
    for (let i = 0; i < 1000; i++) assert.strictEqual(find(`/v2/models/m${i}/infer`), `${paths[4]} model=m${i}`)
    assert.deepStrictEqual(targets.map(find), first)
  })

  it("prefers a literal and still serves a model of that name", () => {
    assert.strictEqual(find("/v2/models/stats"), "/v2/models/stats")
    assert.strictEqual(find("/v2/models/stats/stats"), `${paths[5]} model=stats`)
    assert.strictEqual(find("/v2/models/stats/infer"), `${paths[4]} model=stats`)
    assert.strictEqual(find("/v2/repository/models/models/models/load"), `${paths[7]} model=models repository=models`)
  })

  it("ignores the query and takes an absolute request target", () => {
    assert.strictEqual(find("/v2?x=/v2/models/m"), "/v2")
    assert.strictEqual(find("/v2/models/m/infer?a=b"), `${paths[4]} model=m`)
    assert.strictEqual(find("http://host:8000/v2/health/live?x"), "/v2/health/live")
  })

  it("takes a number or a label for a version", () => {
    for (const version of ["1", "007", "canary", "A-b_9", "Zz"]) {
      assert.strictEqual(find(`/v2/models/m/versions/${version}/infer`), `${paths[4]} model=m version=${version}`)
    }
  })

  it("matches whole paths only", () => {
    for (
      const target of [
        "",
        "*",
        "/",
        "/v2/",
        "v2",
        "//v2",
        "/V2",
        "/v2/models/",
        "/v2/models//infer",
        "/v2/models/m/",
        "/v2/models/m/versions/1x/infer",
        "/v2/models/m/versions/-1/infer",
        "/v2/models/m/versions/_x/infer",
        "/v2/models/m/versions/x.y/infer",
        "/v2/models/m/versions/%78/infer",
        "/v2/models/m/versions//infer",
        "/v2/models/m/versions",
        "/v2/models/m/infer/",
        "/v2/models/m/versions/1/versions/1/infer",
        "http://host",
        "host:80"
      ]
    ) assert.strictEqual(find(target), "none", target)
  })

  it("decodes captured names after routing", () => {
    const captures = Router.noCaptures()
    router.find("/v2/models/a%20b%2Fc/infer", captures)
    assert.strictEqual(captures.model, "a%20b%2Fc")
    assert.isTrue(Router.decodeCaptures(captures))
    assert.strictEqual(captures.model, "a b/c")
    for (const malformed of ["%", "%zz", "%ff", "%c3%28"]) {
      assert.isFalse(Router.decodeCaptures({ ...captures, model: malformed }), malformed)
    }
  })

  it("captures any name without a slash, and nothing of it survives a miss", () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), (text) => {
      const name = encodeURIComponent(text.toWellFormed())
      fc.pre(name !== "stats" && name !== "")
      const captures = Router.noCaptures()
      assert.strictEqual(router.find(`/v2/models/${name}/infer`, captures)?.path, paths[4])
      assert.isTrue(Router.decodeCaptures(captures))
      assert.strictEqual(captures.model, text.toWellFormed())
      const missed = Router.noCaptures()
      assert.isUndefined(router.find(`/v2/models/${name}/versions/1/nothing`, missed))
      assert.deepStrictEqual(missed, Router.noCaptures())
    }))
  })

  it("refuses a table with two routes of one path", () => {
    assert.throws(() => Router.make([route("/v2/a"), route("/v2[/b]/a")].concat(route("/v2/b/a"))))
  })
})
