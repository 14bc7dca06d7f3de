import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as CacheSettings from "../../../src/schema/options/CacheSettings.ts"
import * as OptionsParser from "../../../src/schema/options/OptionsParser.ts"
import { cacheSettings } from "../../../src/schema/ServerOptions.ts"

const parse = (...words: ReadonlyArray<string>) => OptionsParser.parse(words, {})
const settings = (...words: ReadonlyArray<string>) =>
  Result.getOrThrow(cacheSettings(Result.getOrThrow(parse(...words)).options))
const cache = (...texts: ReadonlyArray<string>) => settings(...texts.map((text) => `--cache-config=${text}`))
const refusal = (...texts: ReadonlyArray<string>) => {
  const parsed = parse(...texts.map((text) => `--cache-config=${text}`))
  return Result.isFailure(parsed) ? parsed.failure.message : assert.fail("accepted")
}
const bad = (reason: string) => `Bad option: "--cache-config".\n${reason}`

describe("CacheSettings", () => {
  it("are none where nothing is said, or a size of 0", () => {
    assert.isUndefined(settings())
    assert.isUndefined(settings("--response-cache-byte-size=0"))
  })

  it("are a cache in memory", () => {
    assert.deepStrictEqual(cache("local,size=1048576"), {
      local: { size: 1_048_576, ttl: 0 },
      redis: undefined,
      maxFollowers: 16_384
    })
    assert.deepStrictEqual(settings("--response-cache-byte-size=1048576"), cache("local,size=1048576"))
    assert.deepStrictEqual(cache("local,size=1", "local,ttl=60", "local,size=2,max_followers=5"), {
      local: { size: 2, ttl: 60 },
      redis: undefined,
      maxFollowers: 5
    })
  })

  it("are a cache on Redis, with Triton's spellings as well, one to an option or several", () => {
    const one = cache("redis,host=h", "redis,port=1", "redis,user=u", "redis,password=p", "redis,tls_enabled=yes")
    assert.deepStrictEqual(one, cache("redis,host=h,port=1,username=u,password=p,tls=true"))
    assert.isUndefined(one?.local)
    assert.deepInclude(one?.redis, { host: "h", port: 1, user: "u", password: "p", tls: true, socketTimeout: 50 })
    assert.deepStrictEqual(cache("redis,host=h,local-size=7,local-ttl=8")?.local, { size: 7, ttl: 8 })
  })

  it("leave commas to values unless a setting's name follows", () => {
    assert.strictEqual(cache("redis,host=h,password=a,b=c,=d,port=1")?.redis?.password, "a,b=c,=d")
    assert.strictEqual(cache("redis,host=h,password=a,b=c,=d,port=1")?.redis?.port, 1)
  })

  it("warn of settings that Triton's cache has and that mean nothing here", () => {
    const parsed = Result.getOrThrow(
      parse("--cache-config=redis,host=h,pool_size=3", "--cache-config=redis,wait_timeout=5")
    )
    assert.deepStrictEqual(parsed.warnings, [
      "Option '--cache-config' has no effect for 'pool-size', 'wait-timeout': there is one connection, and no request waits for it."
    ])
  })

  it.each([
    [["size=1"], "--cache-config option format is '<cache name>,<setting>=<value>'. Got size=…"],
    [[",size=1"], "No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got ,size=…"],
    [["local"], "--cache-config option format is '<cache name>,<setting>=<value>'. Got local"],
    [
      ["local,size=1", "redis,host=h"],
      "found multiple cache configurations, but only a single cache is currently supported"
    ],
    [["disk,size=1"], "There is no cache 'disk'.\nExpected local or redis."],
    [["local,ttl=1"], "The cache 'local' needs a size in bytes, e.g. local,size=1048576."],
    [["local,seize=1"], "The cache 'local' has no setting 'seize'.\nExpected some of size, ttl, max-followers."],
    [["local,size=x"], "local,size: Invalid option value. Got x\nExpected a whole number."],
    [["redis,port=1"], "The cache 'redis' needs a host, e.g. redis,host=localhost."],
    [["redis,host=h,cert=c"], "The cache 'redis' needs redis,cert and redis,key together."]
  ])("refuse %j", (texts, reason) => {
    assert.strictEqual(refusal(...texts), bad(reason))
  })

  it("refuse a time for which a request would wait for ever", () => {
    assert.include(
      refusal("redis,host=h,socket_timeout=0"),
      "redis,socket-timeout: Provided option value is out of bound"
    )
  })

  it("are none of somebody else's", () => {
    assert.isUndefined(Result.getOrThrow(CacheSettings.read([])))
  })
})
